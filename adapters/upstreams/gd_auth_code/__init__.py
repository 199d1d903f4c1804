"""A province whose licences are read by 用证码, one for each item and case."""
