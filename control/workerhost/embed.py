#!/usr/bin/python3
"""Writes a file's bytes as a C++ array, so that the program needs no second file at run time."""

import sys


def main() -> None:
    source, target, name = sys.argv[1:]
    with open(source, "rb") as file:
        data = file.read()
    rows = [", ".join(f"0x{byte:02x}" for byte in data[at:at + 16]) for at in range(0, len(data), 16)]
    with open(target, "w", encoding="ascii") as file:
        file.write("// Made by embed.py.\n#include <cstddef>\n\nnamespace hypernat::workerhost {\n\n")
        file.write(f"extern const unsigned char {name}[];\nextern const std::size_t {name}_size;\n\n")
        file.write(f"alignas(8) const unsigned char {name}[] = {{\n  " + ",\n  ".join(rows) + "};\n")
        file.write(f"const std::size_t {name}_size = sizeof({name});\n\n}}  // namespace hypernat::workerhost\n")


main()
