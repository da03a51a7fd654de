from mailer.edition.plaintext.tables import format_table


def test_columns_are_aligned_by_display_width():
    assert format_table(["Name", "n", ""], [["漢字", "1,234", "x"], ["Ana", "9", "yy"]], ["", "right", "center"]) == (
        "Name      n\n----  -----  --\n漢字  1,234  x\nAna       9  yy"
    )


def test_a_table_without_header_words_has_no_rule():
    assert format_table(["", ""], [["a", "b"]], ["", ""]) == "a  b"


def test_a_table_that_is_too_wide_becomes_records():
    lines = format_table(["City", "What happened there"], [["Faro", "w " * 40], ["Sines", ""]], ["", ""], "> ")
    assert lines.split("\n") == [
        "> City: Faro",
        "> What happened there: " + ("w " * 25).strip(),
        ">   " + ("w " * 15).strip(),
        ">",
        "> City: Sines",
    ]
