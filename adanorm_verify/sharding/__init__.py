"""Somebody's optimizer with its parameters in shards: ranks in processes of their own, driven through the cases."""
