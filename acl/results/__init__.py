"""Many runs as figures: tables, spread, significance, sweeps, other tools' formats."""
