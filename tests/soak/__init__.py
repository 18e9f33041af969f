"""The long campaigns: `python3 do.py soak`, or one of them alone, `python -m tests.soak.NAME`."""
