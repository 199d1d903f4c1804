"""数据共享核验: a province's data-sharing platform that says whether given data are right."""
