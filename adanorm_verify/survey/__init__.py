"""What people really install: released packages, each release in a folder and a process of its own."""
