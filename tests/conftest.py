"""What every test may ask for."""

pytest_plugins = ["tests.services", "tests.makers", "tests.doors"]
