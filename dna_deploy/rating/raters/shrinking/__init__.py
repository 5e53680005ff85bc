"""What raters have in common that drop options of a space while they train."""
