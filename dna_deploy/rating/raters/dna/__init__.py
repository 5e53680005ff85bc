"""DNA: every block learns from a teacher."""
