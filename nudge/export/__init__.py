"""Topics as tables: Parquet, CSV or JSON lines, with the same columns in each."""
