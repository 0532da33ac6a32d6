"""Whether Suitecast reads in an index what apt reads: the files it names, with sizes and digests.

apt's reading is what clients see. Where Suitecast read another list of files in the same bytes, a client could be led to a
file that nobody verified. `reading` has both readers, `stanzas` makes indices that are odd in all the ways of the format,
`agreement` compares; `python -m apt_agreement` runs it at length.
"""
