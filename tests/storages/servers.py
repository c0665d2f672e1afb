"""The storages that these tests run against: how their servers start, die and come back, and how drkit finds them."""
import pathlib
import subprocess
import time

SCRIPTS = pathlib.Path(__file__).resolve().parent.parent / "servers"


def script(name, *words, check=True):
    command = [SCRIPTS / name, *map(str, words)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=240)
    if check and done.returncode != 0:
        raise RuntimeError(f"{name} {words}: {done.stdout}{done.stderr}")
    return done


def assignments(path):
    return dict(line.split("=", 1) for line in path.read_text().splitlines() if "=" in line)


class Local:
    """A directory: there is no server that could die."""
    mortal = False

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    def start(self):
        self.folder.mkdir(parents=True, exist_ok=True)

    def stop(self):
        pass

    def address(self, name):
        return str(self.folder / name)

    def environment(self):
        return {}


class Scripted(Local):
    """A server of tests/servers, whose port stays when it dies and is started again."""
    mortal = True
    name = ""

    def start(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        script(self.name, "start", self.folder)

    def stop(self):
        script(self.name, "stop", self.folder, check=False)

    def kill(self):
        script(self.name, "kill", self.folder)

    def revive(self):
        """A killed process may hold its port for a moment."""
        for attempt in range(5):
            if script(self.name, "start", self.folder, check=attempt == 4).returncode == 0:
                return
            time.sleep(0.3)


class S3(Scripted):
    bucket = "drkit-storages"

    def start(self):
        super().start()
        self.make_bucket(self.bucket)

    def make_bucket(self, name, *headers):
        command = ["curl", "-sf", "-o", "/dev/null", "--aws-sigv4", "aws:amz:us-east-1:s3", "--user",
                   f"{self.env['AWS_ACCESS_KEY_ID']}:{self.env['AWS_SECRET_ACCESS_KEY']}", "-X", "PUT",
                   "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD", *(word for header in headers for word in ("-H", header)),
                   f"{self.endpoint}/{name}"]
        subprocess.run(command, check=True)

    @property
    def env(self):
        return assignments(self.folder / "env")

    @property
    def endpoint(self):
        return self.env["S3_ENDPOINT"]

    def target(self):
        """host:port of the server."""
        return self.endpoint.partition("://")[2]

    def address(self, name, host=None, bucket=None):
        return f"s3://{bucket or self.bucket}/{name}?endpoint=http://{host or self.target()}"

    def environment(self):
        return {name: value for name, value in self.env.items() if name.startswith("AWS_")}


class Rgw(S3):
    """Ceph's gateway. It is the gateway that dies; the OSD behind it keeps the objects in its memory."""
    name = "rgw.sh"

    def revive(self):
        script(self.name, "revive", self.folder)


class Versitygw(S3):
    name = "versitygw.sh"


class WebDav(Scripted):
    scheme = "webdav"

    def target(self):
        return (self.folder / "url").read_text().strip().partition("://")[2]

    def address(self, name, host=None):
        return f"{self.scheme}+http://drkit@{host or self.target()}/{name}"

    def environment(self):
        return {"DRKIT_STORAGE_PASSWORD": "drkit-test"}


class Apache(WebDav):
    name = "apache.sh"


class Nginx(WebDav):
    name = "nginx.sh"


class Rclone(WebDav):
    name = "rclone_webdav.sh"


class Nextcloud(WebDav):
    """The stand-in: it proves the client's side alone."""
    name = "nextcloud_standin.sh"
    scheme = "nextcloud"


class Sftp(Scripted):
    name = "sshd.sh"

    def kill(self):
        """The server and the processes of its connections."""
        script(self.name, "stop", self.folder)

    def target(self):
        return "127.0.0.1:" + assignments(self.folder / "env")["PORT"]

    def address(self, name, host=None):
        env = assignments(self.folder / "env")
        return f"sftp://{env['USER']}@{host or self.target()}{self.folder}/data/{name}?host_key={env['FINGERPRINT']}"

    def environment(self):
        return {"DRKIT_STORAGE_KEY_FILE": str(self.folder / "id_ed25519")}


class SftpPassword(Sftp):
    """An account with a password; only root can make one."""
    mode = "--password"

    def start(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        script(self.name, "start", self.folder, self.mode)

    @property
    def password(self):
        return (self.folder / "password").read_text().strip()

    def environment(self):
        return {"DRKIT_STORAGE_PASSWORD": self.password}


class SftpDialogue(SftpPassword):
    """The server asks for the password by a question."""
    mode = "--dialogue"


STORAGES = {"local": Local, "rgw": Rgw, "versitygw": Versitygw, "apache": Apache, "nginx": Nginx, "rclone": Rclone,
            "nextcloud": Nextcloud, "sftp": Sftp}
