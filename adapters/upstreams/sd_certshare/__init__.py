"""The Shandong e-licence share service (山东省电子证照共享服务)."""
