"""What people read: the HTML page, MLflow, and results in the formats of others."""
