"""Commercial cryptography 商用密码: SM2, SM3, SM4, keys with versions, encrypted fields and blind
indexes.
"""
