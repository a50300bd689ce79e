"""Mistakes that somebody could make in the install transaction, each as texts to be replaced in a copy of the code.

Blanks and line ends in a text match any other run of them, so that formatting and line moves do not matter. A text
that is not found exactly once is an error: then the code has changed, and the mistake is to be written anew.
"""
import re
import typing


class Edit(typing.NamedTuple):
    file: str
    old: str
    new: str

    def apply(self, tree):
        path = tree / self.file
        text = path.read_text()
        pattern = r"\s+".join(re.escape(word) for word in self.old.split())
        found = len(re.findall(pattern, text))
        if found != 1:
            raise LookupError(f"{self.file} holds its text {found} times instead of once")
        path.write_text(re.sub(pattern, lambda match: self.new, text))


class Mistake(typing.NamedTuple):
    name: str
    edit: Edit


INSTALL = "agent/installer/install.c"
COMMIT = "agent/installer/commit.c"
MISTAKES = [
    Mistake("no barrier before COMMIT", Edit(
        INSTALL,
        "return flusher_barrier(in->flusher, err);",
        "return 0;")),
    Mistake("COMMIT written before the barrier", Edit(
        INSTALL,
        "return flusher_barrier(in->flusher, err);",
        "return journal_mark(in->journal, JOURNAL_COMMIT, err) < 0 ? -1 : flusher_barrier(in->flusher, err);")),
    Mistake("a state file renamed without fsync", Edit(
        "agent/util/fs.c",
        "fs_write(fd, bytes, len) < 0 || fs_fsync(fd) < 0 || fs_rename(",
        "fs_write(fd, bytes, len) < 0 || fs_rename(")),
    Mistake("the journal written but not flushed", Edit(
        "agent/installer/journal.c",
        "if (fs_fdatasync(j->fd) < 0)",
        "if (j->fd < 0)")),
    Mistake("steps begun before COMMIT is written", Edit(
        INSTALL,
        "if (journal_mark(in->journal, JOURNAL_COMMIT, err) < 0)",
        "if (journal_add(in->journal, JOURNAL_COMMIT, \"\", 0, err) < 0)")),
    Mistake("DONE written before the second barrier", Edit(
        INSTALL,
        "if (flusher_barrier(in->flusher, err) < 0) return -1; return journal_mark(in->journal, JOURNAL_DONE, err);",
        "if (journal_mark(in->journal, JOURNAL_DONE, err) < 0) return -1;\n\treturn flusher_barrier(in->flusher, err);")),
    Mistake("kept-aside files removed before DONE", Edit(
        INSTALL,
        "return journal_mark(in->journal, JOURNAL_DONE, err);",
        "return place_remove(&in->arrangement.steps, 0, err) < 0"
        " ? -1 : journal_mark(in->journal, JOURNAL_DONE, err);")),
    Mistake("the old file unlinked, then the new one moved in", Edit(
        COMMIT,
        "if (!is_old(st, &target)) return changed_meanwhile(err); return swap(",
        "if (!is_old(st, &target)) return changed_meanwhile(err);\n\t(void)fs_unlink(site->folder_fd, st->name);\n\treturn swap(")),
    Mistake("the new file renamed over the old one", Edit(
        COMMIT,
        "if (!is_old(st, &target)) return changed_meanwhile(err); return swap(",
        "if (!is_old(st, &target)) return changed_meanwhile(err);\n"
        "\tif (fs_rename(place, n.entry, site->folder_fd, st->name) == 0)\n\t\treturn 0;\n\treturn swap(")),
    Mistake("undo leaves a removed file away", Edit(
        COMMIT,
        "if (!target.there) return move(place, n.entry, site->folder_fd, st->name, err); if (!is_old(st, &aside",
        "if (!target.there)\n\t\treturn 0;\n\tif (!is_old(st, &aside")),
    Mistake("UNDONE written before the undoing is durable", Edit(
        INSTALL,
        "record_failure(w, err) < 0 || flusher_barrier(f, err) < 0)",
        "record_failure(w, err) < 0)")),
    Mistake("undo removes what it staged before UNDONE", Edit(
        INSTALL,
        "return journal_mark(j, JOURNAL_UNDONE, err);",
        "return place_remove(s, PLACE_QUIETLY, err) < 0 ? -1 : journal_mark(j, JOURNAL_UNDONE, err);")),
    Mistake("undo leaves the group's pointer", Edit(
        INSTALL,
        "if (!strcmp(str_text(&named), w->deployment_path)) {",
        "if (!*str_text(&named)) {")),
    Mistake("undo leaves the records of the other agent", Edit(
        INSTALL,
        "return records_bring_back(w->instructions_fd, w->group, w->deployment_fd, err);",
        "return 0;")),
    Mistake("recovery finishes what was to be undone", Edit(
        INSTALL,
        "if (failed && (state == STEPS_COMMITTED || state == STEPS_DONE)) {",
        "if (failed && state == STEPS_COMMITTED) {")),
    Mistake("recovery discards after COMMIT", Edit(
        "agent/installer/steps.c",
        "[JOURNAL_COMMIT] = { .state = STEPS_COMMITTED },",
        "[JOURNAL_COMMIT] = { .state = STEPS_STAGED },")),
    Mistake("recovery leaves what was kept aside", Edit(
        INSTALL,
        "if (record_success(w, err) < 0 || journal_mark(j, JOURNAL_ENDING, err) < 0 ||"
        " place_remove(s, 0, err) < 0 ||",
        "if (record_success(w, err) < 0 || journal_mark(j, JOURNAL_ENDING, err) < 0 || !s ||")),
]
