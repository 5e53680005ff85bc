"""The sections of a report, one file a topic: each turns evidence into content, or says what is missing."""
