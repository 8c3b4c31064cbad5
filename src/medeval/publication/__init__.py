"""What was printed and claimed: publication files, and the audit of their own figures."""
