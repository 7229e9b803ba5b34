#!/usr/bin/env python3
"""What a release needs and what is inside it: read from what was built, by scripts/release.

  scripts/release_lists.py needs --version V TREE
  scripts/release_lists.py spdx --version V --card MODEL_CARD.md --archive FILE TREE PACKAGE.deb...
  scripts/release_lists.py self-test

TREE is the archive's folder. `needs` lists the system's libraries that its programs are linked with, by the Debian
packages that hold them here. `spdx` writes an SPDX 2.3 document in JSON: the packages and the archive with their
checksums, every file of the archive, the model and the texts that it learnt from, and the libraries. Both stop at a
library or a licence that they do not know: then it is looked up and added here. The same input gives the same bytes;
the time is SOURCE_DATE_EPOCH.
"""
import argparse
import datetime
import functools
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

# By package name without its numbers: the licence of the library itself, as its Debian copyright file says.
LINKED = {
    "libc": "LGPL-2.1-or-later",
    "libdivsufsort": "MIT",
    "libedit": "BSD-3-Clause",
    "libfmt": "MIT",
    "libgcc-s": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "libgomp": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "libpcre": "BSD-3-Clause",
    "libseccomp": "LGPL-2.1-only",
    "libsentencepiece": "Apache-2.0",
    "libspdlog": "MIT",
    "libssl": "Apache-2.0",
    "libstdc++": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "libtorch": "BSD-3-Clause",
    "libutf8proc": "MIT AND Unicode-DFS-2015",
    "libxxhash": "BSD-2-Clause",
    "libzip": "BSD-3-Clause",
    "libzstd": "BSD-3-Clause",
    "zlib": "Zlib",
}
# Libraries whose headers hold code that is compiled into the programs.
COMPILED_IN = {
    "libcli11-dev": "BSD-3-Clause",
    "libfmt-dev": "MIT",
    "libspdlog-dev": "MIT",
    "libtorch-dev": "BSD-3-Clause",
    "nlohmann-json3-dev": "MIT",
}
# Of the texts in the model's card.
TEXT_LICENCES = {
    "Apache-2.0": "Apache-2.0",
    "CC BY": "LicenseRef-CC-BY",
    "CC BY 2.0 to 4.0, CC0": "LicenseRef-CC-BY-2.0-to-4.0 OR CC0-1.0",
    "CC BY 3.0": "CC-BY-3.0",
    "CC BY 4.0": "CC-BY-4.0",
    "CC0 1.0": "CC0-1.0",
    "MIT": "MIT",
    "OGL 3.0": "OGL-UK-3.0",
    "public domain (US Government)": "LicenseRef-US-Government-work",
}
EXTRACTED = {
    "LicenseRef-CC-BY": "Creative Commons Attribution; the source names no version.",
    "LicenseRef-CC-BY-2.0-to-4.0": "Creative Commons Attribution 2.0, 2.5, 3.0 or 4.0, article by article.",
    "LicenseRef-US-Government-work": "A work of the United States Government, in the public domain (17 U.S.C. 105).",
}


class Unknown(Exception):
    """Something that the tables above lack."""


def look_up(table, key, what):
    if key not in table:
        raise Unknown(f"{what} {key!r} is not in the tables of scripts/release_lists.py: look up its licence, and add it")
    return table[key]


def output_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def digest(path, kind):
    hashed = hashlib.new(kind, usedforsecurity=False)
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            hashed.update(block)
    return hashed.hexdigest()


def files_in(tree):
    return sorted(path for path in tree.rglob("*") if path.is_file() and not path.is_symlink())


def is_program(path):
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"


def needed_by(path):
    """The libraries that a program or library is linked with."""
    return re.findall(r"\(NEEDED\).*\[(.*)\]", output_of("readelf", "-dW", str(path)))


@functools.cache
def package_of(library):
    """The Debian package that holds a library here, and its version."""
    owners = output_of("dpkg-query", "-S", f"*/{library}").splitlines()
    # The loader takes it from a folder of its own path, not from one below.
    folders = re.compile(r"(?:/usr)?/lib(?:/[a-z0-9_]+-linux-gnu)?/[^/]+$")
    packages = {line.split(": ")[0].split(":")[0] for line in owners if folders.match(line.split(": ", 1)[1])}
    if len(packages) != 1:
        raise Unknown(f"the library {library} belongs to {sorted(packages) or 'no package'}")
    package = packages.pop()
    return package, version_of(package)


def version_of(package):
    return output_of("dpkg-query", "-W", "-f", "${Version}\n", package).splitlines()[0]


def kind_of(package):
    """The package's name without its numbers: libssl3t64 and libssl3 are libssl, libc6 is libc."""
    return re.sub(r"(-?[0-9.]+)+(t64|g)?$", "", package)


def linked_packages(tree):
    """The system's packages as {(name, version): the files of the tree that are linked with them}."""
    found = {}
    own = {path.name for path in files_in(tree)}
    for path in files_in(tree):
        if not is_program(path):
            continue
        for library in needed_by(path):
            if library not in own:
                found.setdefault(package_of(library), set()).add(str(path.relative_to(tree)))
    return dict(sorted(found.items()))


def texts_of(card):
    """The rows of the card's table of texts: (text, licence, attribution)."""
    rows, inside = [], False
    for line in card.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if cells[:3] == ["Text", "Licence", "Attribution"]:
            inside = True
        elif not line.startswith("|"):
            inside = False
        elif inside and len(cells) == 3 and not set(cells[0]) <= set("-: "):
            rows.append(tuple(cells))
    if not rows:
        raise Unknown("the model's card has no table of texts with the head | Text | Licence | Attribution |")
    return rows


def needs(arguments):
    system = dict(line.split("=", 1) for line in pathlib.Path("/etc/os-release").read_text().splitlines() if "=" in line)
    of_torch = lambda files: all("medgen_torch" in file for file in files)
    linked = linked_packages(arguments.tree)
    lines = [f"medgen {arguments.version}: what this archive needs",
             "",
             f"It was built on {system['PRETTY_NAME'].strip(chr(34))}, whose libraries it uses. bin/medgen finds the rest by its own place,",
             "so the folder may lie anywhere, under any name.",
             ""]
    for title, wanted in (("All of it", False), ("lib/*/medgen/libmedgen_torch.so besides (train, TorchScript)", True)):
        packages = [(package, files) for package, files in linked.items() if of_torch(files) == wanted]
        lines += [f"{title}:", "",
                  "    apt-get install --no-install-recommends "
                  + " ".join([name for (name, _), _ in packages] + wanted * ["libopenblas0-pthread"]), ""]
        lines += [f"    {name} {version}" for (name, version), _ in packages] + [""]
    lines += ["libtorch multiplies by OpenBLAS; with the reference BLAS in its place it is many times slower."]
    print("\n".join(lines))


def spdx_id(*words):
    return "SPDXRef-" + re.sub(r"[^A-Za-z0-9.]+", "-", "-".join(words)).strip("-")


def package_entry(spdx, name, licence, **more):
    return {"SPDXID": spdx, "name": name, "downloadLocation": "NOASSERTION", "filesAnalyzed": False,
            "licenseDeclared": licence, "licenseConcluded": licence, "copyrightText": "NOASSERTION"} | more


def debian_entry(name, version, licence):
    system = output_of("sh", "-c", ". /etc/os-release && printf %s-%s \"$ID\" \"$VERSION_ID\"")
    purl = f"pkg:deb/debian/{name}@{version.replace(':', '%3A').replace('+', '%2B')}?distro={system}"
    reference = {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}
    return package_entry(spdx_id("debian", name), name, licence, versionInfo=version,
                         supplier="Organization: Debian", externalRefs=[reference])


def file_entry(tree, path):
    name = str(path.relative_to(tree))
    kind = "BINARY" if is_program(path) else "OTHER" if path.suffix in (".pt", ".model", ".gz") else "TEXT"
    return {"SPDXID": spdx_id("file", name), "fileName": "./" + name, "fileTypes": [kind],
            "checksums": [{"algorithm": "SHA1", "checksumValue": digest(path, "sha1")},
                          {"algorithm": "SHA256", "checksumValue": digest(path, "sha256")}],
            "licenseConcluded": "Apache-2.0", "licenseInfoInFiles": ["NOASSERTION"], "copyrightText": "NOASSERTION"}


def verification_code(entries):
    """SPDX 2.3, 7.9: SHA-1 of the sorted SHA-1s."""
    sums = sorted(entry["checksums"][0]["checksumValue"] for entry in entries)
    return hashlib.sha1("".join(sums).encode(), usedforsecurity=False).hexdigest()


def document_of(version, archive, tree, debs, card):
    archive_id, model_id = spdx_id("archive"), spdx_id("model-default")
    files = [file_entry(tree, path) for path in files_in(tree)]
    checksum = lambda path: [{"algorithm": "SHA256", "checksumValue": digest(path, "sha256")}]
    packages = [package_entry(archive_id, "medgen", "Apache-2.0", versionInfo=version, packageFileName=archive.name,
                              checksums=checksum(archive), filesAnalyzed=True, primaryPackagePurpose="APPLICATION",
                              packageVerificationCode={"packageVerificationCodeValue": verification_code(files)},
                              licenseInfoFromFiles=["NOASSERTION"],
                              hasFiles=[entry["SPDXID"] for entry in files])]
    relations = [("SPDXRef-DOCUMENT", "DESCRIBES", archive_id)]
    for deb in debs:
        name = output_of("dpkg-deb", "-f", str(deb), "Package").strip()
        packages.append(package_entry(spdx_id("deb", name), name, "Apache-2.0", versionInfo=version,
                                      packageFileName=deb.name, checksums=checksum(deb), primaryPackagePurpose="INSTALL"))
        relations += [("SPDXRef-DOCUMENT", "DESCRIBES", spdx_id("deb", name)),
                      (spdx_id("deb", name), "VARIANT_OF", archive_id)]
    packages.append(package_entry(model_id, "medgen default model", "Apache-2.0", versionInfo=version,
                                  comment="share/medgen/models/default. The texts that it learnt from are not included.",
                                  primaryPackagePurpose="OTHER"))
    relations.append((archive_id, "CONTAINS", model_id))
    for text, licence, attribution in texts_of(card):
        spdx = spdx_id("text", text)
        packages.append(package_entry(spdx, text, look_up(TEXT_LICENCES, licence, "the licence"),
                                      attributionTexts=[attribution or text],
                                      comment="Text that the default model was trained on; changed, as its card says."))
        relations.append((model_id, "GENERATED_FROM", spdx))
    for (name, found), users in linked_packages(tree).items():
        packages.append(debian_entry(name, found, look_up(LINKED, kind_of(name), "the library")))
        relations += [(spdx_id("file", user), "DYNAMIC_LINK", spdx_id("debian", name)) for user in sorted(users)]
    has_torch = any("medgen_torch" in entry["fileName"] for entry in files)
    for name, licence in COMPILED_IN.items():
        if name == "libtorch-dev" and not has_torch:
            continue
        packages.append(debian_entry(name, version_of(name), licence))
        relations.append((spdx_id("debian", name), "STATIC_LINK", archive_id))
    used = json.dumps(packages)
    created = datetime.datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), datetime.timezone.utc)
    return {
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": f"medgen-{version}",
        "documentNamespace": f"https://spdx.org/spdxdocs/medgen-{version}-{digest(archive, 'sha256')[:32]}",
        "creationInfo": {"created": created.strftime("%Y-%m-%dT%H:%M:%SZ"), "creators": ["Tool: scripts/release_lists.py"]},
        "packages": packages, "files": files,
        "relationships": [{"spdxElementId": a, "relationshipType": kind, "relatedSpdxElement": b} for a, kind, b in relations],
        "hasExtractedLicensingInfos": [{"licenseId": key, "extractedText": text, "name": key.removeprefix("LicenseRef-")}
                                       for key, text in EXTRACTED.items() if key in used],
    }


def check_document(document):
    """What a reader of the document relies on."""
    names = ["SPDXRef-DOCUMENT"] + [entry["SPDXID"] for part in ("packages", "files") for entry in document[part]]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise Unknown(f"two entries have the name {twice[0]}")
    for relation in document["relationships"]:
        for end in ("spdxElementId", "relatedSpdxElement"):
            if relation[end] not in names:
                raise Unknown(f"a relationship names {relation[end]}, which is not there")
    return document


def spdx(arguments):
    document = document_of(arguments.version, arguments.archive, arguments.tree, sorted(arguments.debs),
                           arguments.card.read_text())
    print(json.dumps(check_document(document), indent=1, ensure_ascii=False))


def self_test(_):
    """What must be refused is, and what is right is not."""
    assert [kind_of(name) for name in ("libssl3t64", "libc6", "zlib1g", "libstdc++6", "libgcc-s1", "libpcre2-8-0",
                                       "libspdlog1.10", "libtorch2.6", "libtorch1.13", "libedit2")] == [
        "libssl", "libc", "zlib", "libstdc++", "libgcc-s", "libpcre", "libspdlog", "libtorch", "libtorch", "libedit"]
    row = "| Text | Licence | Attribution |\n|---|---|---|\n| Notes | {} | us |\n"
    assert texts_of(row.format("MIT")) == [("Notes", "MIT", "us")]
    for wrong in (lambda: look_up(TEXT_LICENCES, texts_of(row.format("proprietary"))[0][1], "the licence"),
                  lambda: look_up(LINKED, kind_of("libx11-6"), "the library"),
                  lambda: texts_of("| Name | Licence |\n"),
                  lambda: package_of("libnobody.so.1"),
                  lambda: check_document({"packages": [{"SPDXID": "a"}, {"SPDXID": "a"}], "files": [], "relationships": []}),
                  lambda: check_document({"packages": [], "files": [], "relationships": [
                      {"spdxElementId": "SPDXRef-DOCUMENT", "relatedSpdxElement": "nowhere"}]})):
        try:
            wrong()
        except (Unknown, subprocess.CalledProcessError):
            continue
        raise AssertionError("a fault was not found")
    print("self-test: fine", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, run in (("needs", needs), ("spdx", spdx), ("self-test", self_test)):
        command = commands.add_parser(name)
        command.set_defaults(run=run)
        if name == "self-test":
            continue
        command.add_argument("--version", required=True)
        if name == "spdx":
            command.add_argument("--card", type=pathlib.Path, required=True)
            command.add_argument("--archive", type=pathlib.Path, required=True)
        command.add_argument("tree", type=pathlib.Path)
        if name == "spdx":
            command.add_argument("debs", type=pathlib.Path, nargs="+")
    arguments = parser.parse_args()
    try:
        arguments.run(arguments)
    except Unknown as error:
        sys.exit(f"scripts/release_lists.py: {error}")


main()
