"""电子证照: licences issued by departments."""
