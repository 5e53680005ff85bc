"""Which files the report was made from, what was left out and why: the last section."""

from __future__ import annotations

from dna_deploy.report.content import Piece, Remark, Section, Table
from dna_deploy.report.evidence import Evidence
from dna_deploy.report.numbers import short_digest


def origin_section(evidence: Evidence) -> Section:
    """Every record that was read, with its digest and the command that made it."""
    findings = evidence.findings
    rows = tuple(
        (entry.record.KIND, entry.name, short_digest(entry.record.digest), entry.record.provenance.created_at,
         entry.record.provenance.command)
        for entry in findings.found
    )  # fmt: skip
    headers = ("record", "file", "digest", "made at", "command")
    pieces: list[Piece] = [Remark(doubt, "doubt") for doubt in evidence.doubts]
    pieces.append(Table("Records found", headers, rows))
    if findings.left_out:
        left_out = tuple((missing.name, missing.reason) for missing in findings.left_out)
        pieces.append(Table("Files that could not be used", ("file", "why"), left_out))
    return Section(
        "origin", "Where this report comes from", "Records name each other by digest; nothing here was typed in.", tuple(pieces)
    )
