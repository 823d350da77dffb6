"""Writes the recorded vectors: rows as a real server tells them, and what our own code computes."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

from conformance.play import VECTORS
from conformance.server import Company, Phone
from core import feed
from work.canonical import canonical_json, sha256_hex

# So many rows of each kind are enough for a world in which everything happens.
FEW = 3


def record_company(company: Company, path: Path = VECTORS / "company.json") -> None:
    """Pull everything of an account, and keep the first few rows of each kind in each scope."""
    phone = Phone(company)
    kept: list[dict[str, Any]] = []
    for change in phone.pull():
        alike = [
            row
            for row in kept
            if (row["scope"], row["entity"]) == (change["scope"], change["entity"])
        ]
        if len(alike) < FEW:
            kept.append(
                {name: change[name] for name in ("scope", "entity", "id", "version", "doc")}
            )
    _write(path, {"about": "Rows as a server told them to one engineer.", "rows": kept})


def record_functions(path: Path = VECTORS / "functions.json") -> None:
    """Write what the server computes: canonical JSON, manifest hashes, checksums and sums by prefix."""
    documents: list[tuple[str, Any]] = [
        ("keys are sorted", {"b": 1, "a": {"d": None, "c": True}}),
        ("keys are sorted by UTF-16 code units", {"\ufb33": 1, "\U0001f600": 2, "é": 3, "z": 4}),
        (
            "text is escaped as JSON.stringify does",
            ['"\\/\b\f\n\r\t\u0001\u007f\u2028', "挖掘机", "😀"],
        ),
        ("whole numbers up to 2^53 - 1", [0, -1, 2**53 - 1, -(2**53) + 1]),
        ("empty things", {"": "", "list": [], "object": {}}),
    ]
    rows = [
        {"entity": "visit", "id": str(UUID(int=0xAB << 120 | number)), "version": number * number}
        for number in range(1, 40)
    ] + [
        {"entity": "part", "id": str(UUID(int=number << 112)), "version": 1} for number in range(40)
    ]
    vectors = [
        {
            "function": "canonical",
            "about": about,
            "input": document,
            "output": canonical_json(document).decode(),
        }
        for about, document in documents
    ]
    vectors += [
        {
            "function": "manifest_sha256",
            "about": about,
            "input": document,
            "output": sha256_hex(document),
        }
        for about, document in documents
    ]
    vectors += [
        {"function": "checksum", "about": about, "input": some, "output": _sum(some)}
        for about, some in (("no rows", []), ("one row", rows[:1]), ("a sum that goes round", rows))
    ]
    prefixes: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        prefixes.setdefault(UUID(row["id"]).hex[:2], []).append(row)
    sums = {prefix: list(_sum(part).values()) for prefix, part in sorted(prefixes.items())}
    vectors.append({"function": "sums", "about": "by prefix", "input": rows, "output": sums})
    _write(path, {"about": "Inputs and outputs of pure functions.", "vectors": vectors})


def _sum(rows: list[dict[str, Any]]) -> dict[str, Any]:
    total = sum(feed.digest(row["entity"], UUID(row["id"]), row["version"]) for row in rows)
    return {"count": len(rows), "checksum": f"{total % 2**64:016x}"}


def _write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n")
