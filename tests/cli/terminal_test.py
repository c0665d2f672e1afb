"""What a person sees: questions without echo, a bar that goes away, nothing of it in pipes."""
import os
import pty
import select
import time

import harness


class Terminal(harness.Case):
    def talk(self, words, answers, seconds=60):
        """Runs drkit on a terminal of its own; answers: [(what to wait for, what to type)]. Gives (exit code, all output)."""
        pid, fd = pty.fork()
        if pid == 0:
            os.execve(harness.DRKIT, [harness.DRKIT, *map(str, words)], self.environment(TERM="xterm"))
        seen, pending, end = b"", list(answers), time.monotonic() + seconds
        position = 0
        while time.monotonic() < end:
            ready, _, _ = select.select([fd], [], [], 0.2)
            if ready:
                try:
                    data = os.read(fd, 65536)
                except OSError:
                    data = b""
                if not data:
                    break
                seen += data
            if pending and pending[0][0].encode() in seen[position:]:
                position = len(seen)
                time.sleep(0.1)
                os.write(fd, pending.pop(0)[1].encode() + b"\n")
        os.close(fd)
        _, status = os.waitpid(pid, 0)
        return os.waitstatus_to_exitcode(status), seen.decode()

    def test_init_asks_twice_and_shows_nothing(self):
        code, seen = self.talk(["init", self.repo], [("new password:", "typed by hand"), ("same again:", "typed by hand")])
        self.assertEqual(code, 0, seen)
        self.assertNotIn("typed by hand", seen)
        code, seen = self.talk(["snapshots", self.repo], [("password of the repository:", "typed by hand")])
        self.assertEqual(code, 0, seen)
        self.assertNotIn("typed by hand", seen)

    def test_init_with_two_different_answers(self):
        code, seen = self.talk(["init", self.repo], [("new password:", "one"), ("same again:", "two")])
        self.assertEqual(code, 2, seen)
        self.assertIn("differ", seen)
        self.assertFalse(self.repo.exists())

    def test_ctrl_c_at_the_question(self):
        self.init()
        code, seen = self.talk(["snapshots", self.repo], [("password of the repository:", "\x03")])
        self.assertEqual(code, 130, seen)

    def test_a_bar_on_a_terminal_goes_away(self):
        self.init()
        code, seen = self.talk(["backup", self.repo, "exec:for i in 1 2 3 4 5 6; do seq 20000; sleep 0.2; done",
                                "--password-file", self.password_file], [])
        self.assertEqual(code, 0, seen)
        self.assertIn("\r", seen)
        self.assertIn("/s", seen)
        self.assertIn("\x1b[K", seen)
        self.assertIn("snapshot ", seen.rsplit("\x1b[K", 1)[1])

    def test_no_bar_in_a_pipe_unless_wanted(self):
        self.make_tree()
        self.init()
        self.assertEqual(self.run_drkit("backup", self.repo, self.tree).err, "")
        result = self.run_drkit("backup", self.repo, self.tree, "--parent", "none", "--progress", "always")
        self.assertRegex(result.err, r"backup .*/s")
        self.assertNotIn("\x1b", result.err)
        code, seen = self.talk(["backup", self.repo, self.tree, "--progress", "never", "--password-file", self.password_file], [])
        self.assertEqual(code, 0)
        self.assertNotIn("\x1b[K", seen)


if __name__ == "__main__":
    harness.main()
