"""The national system that publishes the state of government seals (印章状态发布系统)."""
