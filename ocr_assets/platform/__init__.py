"""What every stage stands on and that knows no stage: publishing, lineage, progress, plots, files of rows."""
