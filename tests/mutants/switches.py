"""Writes a tree in which every mutant is a switch, thrown by an environment variable when a test begins.

A function with mutants begins with a `match`: for each of them an arm that returns what the changed body comes to. So the tests
are built once for all mutants, and what a mutant does is what cargo-mutants wrote, to the letter.
"""

import collections
import dataclasses

# The number of the mutant that is to be at work.
CHOSEN = "SUITECAST_MUTANT"
# The file that gets the numbers of the functions that were entered.
ENTERED = "SUITECAST_ENTERED"

# At the end of each crate's lib.rs.
MODULE = f"""

#[allow(warnings, clippy::all)]
mod switches {{
    use std::fs::File;
    use std::io::Write;
    use std::sync::atomic::{{AtomicBool, Ordering}};
    use std::sync::{{LazyLock, Mutex}};

    static CHOSEN: LazyLock<usize> =
        LazyLock::new(|| std::env::var("{CHOSEN}").map_or(usize::MAX, |number| number.parse().unwrap()));
    static ENTERED: LazyLock<Option<Mutex<File>>> = LazyLock::new(|| {{
        std::env::var_os("{ENTERED}")
            .map(|path| Mutex::new(File::options().create(true).append(true).open(path).unwrap()))
    }});
    static SEEN: [AtomicBool; FUNCTIONS] = [const {{ AtomicBool::new(false) }}; FUNCTIONS];

    pub(crate) fn chosen(function: usize) -> usize {{
        if let Some(file) = &*ENTERED && !SEEN[function].swap(true, Ordering::Relaxed) {{
            writeln!(file.lock().unwrap(), "{{function}}").unwrap();
        }}
        *CHOSEN
    }}
}}
"""


@dataclasses.dataclass
class Arms:
    """What was written: which function each mutant is in, and which lines of which file are whose."""

    # By the mutant's number.
    function_of: dict
    # By file: pairs of a range of lines and a mutant's number.
    lines: dict

    def mutant_at(self, file, line):
        """The mutant whose arm has that line."""
        return next((number for lines, number in self.lines.get(file, []) if line in lines), None)


def write(tree, mutants, left_out):
    """Puts the switches of all mutants but those left out into the tree, whose files are as the mutants' were."""
    by_file = collections.defaultdict(lambda: collections.defaultdict(list))
    for number, mutant in enumerate(mutants):
        if mutant.function:
            by_file[mutant.file][mutant.function].append(number)
    arms = Arms({}, {})
    functions = 0
    for file, by_function in by_file.items():
        original = (tree.source / file).read_text()
        written, at = "", 0
        arms.lines[file] = []
        for function, numbers in sorted(by_function.items(), key=lambda item: item[0].body):
            written += original[at : function.body + 1]
            at = function.body + 1
            written += f"match crate::switches::chosen({functions}) {{\n"
            for number in numbers:
                arms.function_of[number] = functions
                if number in left_out or not mutants[number].is_switchable:
                    continue
                arm = f"{number} => return {changed_body(original, mutants[number])},\n"
                first = written.count("\n") + 1
                arms.lines[file].append((range(first, first + arm.count("\n")), number))
                written += arm
            written += "_ => {}\n}\n"
            functions += 1
        tree.write(file, written + original[at:])
    for package in sorted({mutant.package for mutant in mutants}):
        path = f"shared/{package}/src/lib.rs"
        if path in by_file:
            raise ValueError(f"{path} has mutants of its own")
        module = MODULE.replace("FUNCTIONS", str(functions))
        tree.write(path, (tree.source / path).read_text() + module)
    return arms


def changed_body(original, mutant):
    grown = len(mutant.changed) - len(original)
    return mutant.changed[mutant.function.body : mutant.function.end + grown]
