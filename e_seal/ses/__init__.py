"""E-seals (SESeal 电子印章) and their signatures (SES_Signature 电子签章), by generation."""
