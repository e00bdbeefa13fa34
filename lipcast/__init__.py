"""Lipcast, a real-time streaming avatar server: what a program that uses it imports."""
