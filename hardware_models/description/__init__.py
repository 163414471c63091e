"""Descriptions of learning steps, and everything that is derived from one."""
