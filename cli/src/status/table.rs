//! Rows and columns for people: cells of several lines, aligned, coloured on a terminal.

/// How a cell is meant, as a colour says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// As it is.
    Plain,
    /// As it should be: green.
    Good,
    /// On its way: yellow.
    Pending,
    /// Somebody has to do something: red.
    Bad,
}

impl Tone {
    /// The escape sequence (ECMA-48, SGR) that begins it.
    fn begin(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Good => "\x1b[32m",
            Self::Pending => "\x1b[33m",
            Self::Bad => "\x1b[31m",
        }
    }
}

const END: &str = "\x1b[0m";
/// Between two columns.
const GAP: &str = "   ";

/// One cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cell {
    /// Its lines.
    pub lines: Vec<String>,
    /// How it is meant.
    pub tone: Tone,
}

impl Cell {
    /// A cell of one line.
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self { lines: vec![text.into()], tone: Tone::Plain }
    }
}

/// The lines of a table; columns are as wide as what stands in them. No line ends in blanks.
pub(crate) fn render(rows: &[Vec<Cell>], is_coloured: bool) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let lines = rows.iter().filter_map(|row| row.get(column)).flat_map(|cell| &cell.lines);
        lines.map(|line| line.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut rendered = Vec::new();
    for row in rows {
        let height = row.iter().map(|cell| cell.lines.len()).max().unwrap_or(0);
        for number in 0..height {
            let mut line = String::new();
            // Blanks are written only once something follows them.
            let mut blanks = 0;
            for (cell, width) in row.iter().zip(&widths) {
                let text = cell.lines.get(number).map(String::as_str).unwrap_or_default();
                if !text.is_empty() {
                    line.extend(std::iter::repeat_n(' ', blanks));
                    blanks = 0;
                    let is_toned = is_coloured && cell.tone != Tone::Plain;
                    let (begin, end) = if is_toned { (cell.tone.begin(), END) } else { ("", "") };
                    line.extend([begin, text, end]);
                }
                blanks += width - text.chars().count() + GAP.len();
            }
            rendered.push(line);
        }
    }
    rendered
}

/// A length of time in its two greatest units.
pub(crate) fn span(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min {} s", seconds % 60),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(lines: &[&str], tone: Tone) -> Cell {
        Cell { lines: lines.iter().map(|line| (*line).to_owned()).collect(), tone }
    }

    #[test]
    fn columns_are_aligned_and_cells_may_have_several_lines() {
        let rows = [
            vec![Cell::plain("SUITE"), Cell::plain("eu-west-1"), Cell::plain("us")],
            vec![Cell::plain("dists/é"), cell(&["2026", "waits"], Tone::Pending), cell(&["2025", "live"], Tone::Good)],
            vec![Cell::plain("x"), cell(&[""], Tone::Plain), cell(&["z"], Tone::Bad)],
        ];
        let expected = [
            "SUITE     eu-west-1   us",
            "dists/é   2026        2025",
            "          waits       live",
            "x                     z",
        ];
        assert_eq!(render(&rows, false), expected);
        let coloured = render(&rows, true).join("\n");
        assert!(coloured.contains("\x1b[33mwaits\x1b[0m       \x1b[32mlive\x1b[0m"), "{coloured:?}");
        assert!(!coloured.contains("\x1b[0m\x1b"), "{coloured:?}");
    }

    #[test]
    fn spans_have_two_units() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (61, "1 min 1 s"),
            (3_600, "1 h 0 min"),
            (86_399, "23 h 59 min"),
            (180_000, "2 d 2 h"),
        ] {
            assert_eq!(span(seconds), text);
        }
    }
}
