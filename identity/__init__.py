"""统一身份认证: who the applicant is."""
