"""The whole journey: settings, stages that resume, and what each stage calls."""
