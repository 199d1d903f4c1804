"""浙江省统一身份认证 behind the IRS gateway of the province."""
