"""The unified e-seal system (统一电子印章系统) behind a remote digest signing service."""
