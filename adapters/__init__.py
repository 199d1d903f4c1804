"""The upstream systems and the kit that every adapter is built with."""
