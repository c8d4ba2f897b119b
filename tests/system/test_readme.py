"""README.md against the code: its commands work as printed, its example validates, its reference is the code's own."""

import os
import re
import subprocess

import readme
import support


class Reference(support.FolderTestCase):
    def test_of_the_configuration_is_what_the_code_says(self):
        printed = support.hypernat("validate", "--reference")
        self.assertEqual(printed.returncode, 0, printed.stderr)
        written = re.search(r"<!-- reference -->\n(.*?)<!-- /reference -->", readme.TEXT, re.DOTALL)
        self.assertIsNotNone(written)
        self.assertEqual(written.group(1).strip(), printed.stdout.strip(),
                         "README.md holds another reference than `hypernat validate --reference` prints")

    def test_names_only_files_that_exist(self):
        paths = set(re.findall(r"`((?:config|control|dataplane|scripts|tests)/[\w./-]+)`", readme.TEXT))
        self.assertGreater(len(paths), 20)
        for path in sorted(paths):
            in_build = any(support.BUILD.joinpath(path).exists() for _ in [0])
            self.assertTrue((support.ROOT / path).exists() or in_build, path)

    def test_names_only_drop_reasons_that_exist(self):
        reasons = (support.ROOT / "dataplane/packet/drop.h").read_text(encoding="utf-8")
        rows = re.findall(r"^\| (?:`hypernat drops` counts|…) (.*?) \|", readme.TEXT, re.MULTILINE)
        names = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
        self.assertGreater(len(names), 4)
        for name in names:
            self.assertIn(f"X({name},", reasons)

    def test_counts_the_packages_that_setup_installs(self):
        listed = subprocess.run([support.ROOT / "scripts/setup", "--list"], check=True, capture_output=True, text=True).stdout
        self.assertIn(f"setup: all {len(listed.split())} packages are there", readme.TEXT)

    def test_example_for_two_ports_validates(self):
        examples = [block for block in readme.blocks("yaml") if "ports:" in block]
        self.assertEqual(len(examples), 1)
        file = self.folder / "dataplane.yaml"
        file.write_text(examples[0], encoding="utf-8")
        checked = support.hypernat("validate", file)
        self.assertEqual(checked.returncode, 0, checked.stderr)


class Commands(support.LabTestCase):
    def test_work_as_printed(self):
        folders = ":".join(str(support.BUILD / folder) for folder in set(support.laboratory.BINARIES.values()))
        environment = {**os.environ, **self.lab.environment(), "PATH": f"{folders}:{os.environ['PATH']}"}
        lines = [line for block in readme.blocks("sh", readme.RUN_MARK) for line in block.splitlines() if line.strip()]
        self.assertGreater(len(lines), 6)
        for line in lines:
            with self.subTest(line):
                done = subprocess.run(["bash", "-c", line], check=False, capture_output=True, text=True, timeout=120,
                                      stdin=subprocess.DEVNULL, cwd=support.ROOT, env=environment)
                self.assertEqual(done.returncode, 0, f"{line}\n{done.stdout}\n{done.stderr}")
                self.assertTrue(done.stdout.strip(), f"{line} said nothing")
