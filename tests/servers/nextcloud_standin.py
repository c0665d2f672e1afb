#!/usr/bin/env python3
"""A stand-in for Nextcloud's WebDAV: the documented calls of its files tree and of "chunked upload v2", nothing more.

    nextcloud_standin.py FOLDER [--cert FILE --key FILE]

FOLDER/files, FOLDER/uploads   what the user has, and the parts of unfinished uploads
FOLDER/port                    written when connections are accepted
FOLDER/calls                   one line for each request: method, path, status
FOLDER/quota                   bytes that fit, when the file is there; more is answered by 507

It is made from Nextcloud's public description and holds clients to it: part names are 1 to 10000, parts other than the last have
5 MiB or more, each names its Destination, the total must be what OC-Total-Length says. It is not Nextcloud, and passing here proves the
client's side alone.
"""
import argparse
import base64
import http.server
import os
import shutil
import ssl
import sys
import threading
import urllib.parse
from email.utils import formatdate
from xml.sax.saxutils import escape

USER, PASSWORD = "drkit", "drkit-test"
MIN_PART = 5 << 20
TREES = {"files": f"/remote.php/dav/files/{USER}", "uploads": f"/remote.php/dav/uploads/{USER}"}


class Refusal(Exception):
    def __init__(self, status, reason):
        super().__init__(reason)
        self.status = status


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # One packet for head and body, and no waiting for more.
    wbufsize = -1
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    # ---- what a request names

    def locate(self, address):
        """(tree, path on disk) of an address or absolute path."""
        path = urllib.parse.unquote(urllib.parse.urlsplit(address).path).rstrip("/")
        for tree, prefix in TREES.items():
            if path == prefix or path.startswith(prefix + "/"):
                inside = path[len(prefix):].strip("/")
                if ".." in inside.split("/"):
                    raise Refusal(403, "path leaves the tree")
                return tree, os.path.join(self.server.folder, tree, inside) if inside else f"{self.server.folder}/{tree}"
        raise Refusal(404, "no such tree")

    def destination(self):
        target = self.headers.get("Destination")
        if not target:
            raise Refusal(400, "Destination is missing")
        return self.locate(target)

    def authenticated(self):
        wanted = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        return self.headers.get("Authorization") == wanted

    # ---- answers

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()
        with self.server.lock, open(f"{self.server.folder}/calls", "a") as calls:
            calls.write(f"{self.command} {self.path} {status}\n")

    def drain(self):
        left = int(self.headers.get("Content-Length") or 0)
        while left:
            piece = self.rfile.read(min(left, 1 << 20))
            if not piece:
                raise ConnectionError
            left -= len(piece)

    def handle_any(self):
        self.drained = False
        try:
            if not self.authenticated():
                self.drain()
                self.answer(401, WWW_Authenticate='Basic realm="stand-in"')
                return
            tree, path = self.locate(self.path)
            getattr(self, "run_" + self.command)(tree, path)
        except Refusal as refusal:
            if not self.drained:
                self.drain()
            self.answer(refusal.status, f"<error>{escape(str(refusal))}</error>".encode(), Content_Type="application/xml")
        except (ConnectionError, ssl.SSLError):
            self.close_connection = True

    do_GET = do_HEAD = do_PUT = do_DELETE = do_MKCOL = do_MOVE = do_PROPFIND = handle_any

    # ---- methods

    def run_MKCOL(self, tree, path):
        self.drain()
        self.drained = True
        if tree == "uploads":
            self.destination()
        if os.path.exists(path):
            raise Refusal(405, "exists")
        if not os.path.isdir(os.path.dirname(path)):
            raise Refusal(409, "parent is missing")
        os.mkdir(path)
        self.answer(201)

    def check_part(self, path):
        name = os.path.basename(path)
        if not name.isdigit() or not 1 <= int(name) <= 10000:
            raise Refusal(400, "part names are 1 to 10000")
        self.destination()
        size = int(self.headers.get("Content-Length") or 0)
        stored = sum(entry.stat().st_size for entry in os.scandir(os.path.dirname(path)))
        if size < MIN_PART and stored + size < int(self.headers.get("OC-Total-Length") or 0):
            raise Refusal(400, "parts other than the last have 5 MiB or more")

    def check_quota(self, size):
        try:
            with open(f"{self.server.folder}/quota") as file:
                limit = int(file.read())
        except FileNotFoundError:
            return
        used = sum(
            os.path.getsize(os.path.join(place, name))
            for place, _, names in os.walk(f"{self.server.folder}/files")
            for name in names
        )
        if used + size > limit:
            raise Refusal(507, "quota")

    def run_PUT(self, tree, path):
        if not os.path.isdir(os.path.dirname(path)):
            raise Refusal(409 if tree == "files" else 404, "parent is missing")
        if os.path.isdir(path):
            raise Refusal(409, "is a folder")
        if self.headers.get("Content-Range"):
            raise Refusal(400, "Content-Range on PUT")
        if tree == "uploads":
            self.check_part(path)
        left = int(self.headers.get("Content-Length") or 0)
        self.check_quota(left)
        aside = f"{self.server.folder}/incoming-{threading.get_ident()}"
        try:
            with open(aside, "wb") as file:
                while left:
                    piece = self.rfile.read(min(left, 1 << 20))
                    if not piece:
                        raise ConnectionError
                    file.write(piece)
                    left -= len(piece)
            self.drained = True
            new = not os.path.exists(path)
            os.replace(aside, path)
        finally:
            if os.path.exists(aside):
                os.unlink(aside)
        self.answer(201 if new else 204)

    def run_MOVE(self, tree, path):
        self.drain()
        self.drained = True
        target_tree, target = self.destination()
        if target_tree != "files" or not os.path.isdir(os.path.dirname(target)):
            raise Refusal(409, "destination's folder is missing")
        there = os.path.exists(target)
        if there and self.headers.get("Overwrite", "T").upper() == "F":
            raise Refusal(412, "exists")
        if tree == "uploads":
            path = self.assemble(path)
        elif not os.path.exists(path):
            raise Refusal(404, "no such file")
        if os.path.isdir(target):
            shutil.rmtree(target)
        os.rename(path, target)
        self.answer(204 if there else 201)

    def assemble(self, path):
        upload = os.path.dirname(path)
        if os.path.basename(path) != ".file" or not os.path.isdir(upload):
            raise Refusal(404, "no such upload")
        parts = sorted((name for name in os.listdir(upload) if name.isdigit()), key=int)
        whole = f"{self.server.folder}/whole-{os.path.basename(upload)}"
        with open(whole, "wb") as out:
            for part in parts:
                with open(f"{upload}/{part}", "rb") as file:
                    shutil.copyfileobj(file, out, 1 << 20)
        total = self.headers.get("OC-Total-Length")
        if total and int(total) != os.path.getsize(whole):
            os.unlink(whole)
            raise Refusal(400, "the parts do not add up to OC-Total-Length")
        shutil.rmtree(upload)
        return whole

    def run_DELETE(self, _tree, path):
        self.drain()
        self.drained = True
        if os.path.isdir(path):
            shutil.rmtree(path)
        elif os.path.exists(path):
            os.unlink(path)
        else:
            raise Refusal(404, "no such file")
        self.answer(204)

    def run_GET(self, _tree, path):
        self.drain()
        self.drained = True
        if os.path.isdir(path):
            raise Refusal(405, "is a folder")
        try:
            with open(path, "rb") as file:
                data = file.read()
        except (FileNotFoundError, NotADirectoryError):
            raise Refusal(404, "no such file") from None
        wanted = self.headers.get("Range", "")
        if not wanted.startswith("bytes="):
            self.answer(200, data, Content_Type="application/octet-stream")
            return
        first, _, last = wanted[6:].partition("-")
        begin, end = int(first), min(int(last) + 1 if last else len(data), len(data))
        if begin >= len(data):
            self.answer(416, Content_Range=f"bytes */{len(data)}")
            return
        self.answer(206, data[begin:end], Content_Range=f"bytes {begin}-{end - 1}/{len(data)}")

    run_HEAD = run_GET

    def run_PROPFIND(self, tree, path):
        self.drain()
        self.drained = True
        if self.headers.get("Depth") not in ("0", "1"):
            raise Refusal(403, "Depth infinity")
        if not os.path.exists(path):
            raise Refusal(404, "no such file")
        shown = [path]
        if os.path.isdir(path) and self.headers["Depth"] == "1":
            shown += [os.path.join(path, name) for name in sorted(os.listdir(path))]
        text = "".join(self.describe(tree, each) for each in shown)
        xml = f'<?xml version="1.0"?><d:multistatus xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns">{text}</d:multistatus>'
        self.answer(207, xml.encode(), Content_Type="application/xml; charset=utf-8")

    def describe(self, tree, path):
        try:
            status = os.stat(path)
        except FileNotFoundError:
            return ""
        folder = os.path.isdir(path)
        inside = path[len(f"{self.server.folder}/{tree}"):]
        href = urllib.parse.quote(TREES[tree] + inside) + ("/" if folder else "")
        kind = "<d:collection/>" if folder else ""
        size = "" if folder else f"<d:getcontentlength>{status.st_size}</d:getcontentlength>"
        # Properties that a thing does not have come in a group of their own.
        missing = "<d:getcontentlength/>" if folder else "<d:quota-used-bytes/>"
        return (
            f"<d:response><d:href>{escape(href)}</d:href><d:propstat><d:prop>"
            f"<d:resourcetype>{kind}</d:resourcetype>{size}"
            f"<d:getlastmodified>{formatdate(status.st_mtime, usegmt=True)}</d:getlastmodified>"
            f"</d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat><d:propstat><d:prop>{missing}</d:prop>"
            f"<d:status>HTTP/1.1 404 Not Found</d:status></d:propstat></d:response>"
        )


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--cert")
    parser.add_argument("--key")
    arguments = parser.parse_args()
    for name in TREES:
        os.makedirs(f"{arguments.folder}/{name}", exist_ok=True)
    server = Server(("127.0.0.1", arguments.port), Handler)
    server.folder, server.lock = arguments.folder, threading.Lock()
    if arguments.cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(arguments.cert, arguments.key)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    with open(f"{arguments.folder}/port.new", "w") as file:
        file.write(f"{server.server_address[1]}\n")
    os.rename(f"{arguments.folder}/port.new", f"{arguments.folder}/port")
    server.serve_forever()


if __name__ == "__main__":
    sys.exit(main())
