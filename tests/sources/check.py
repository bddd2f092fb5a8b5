"""Each snippet of deploy/sources, given to the real program where Debian 12 has it.

    check.py BREACHD     the last line is "N passed, N failed"

nginx and Apache serve a request, MariaDB and PostgreSQL a statement with the snippet in force; breachd then reads their logs. rsyslog
reads its configuration (tests/it/real.rs ships real logs through it) and carries audit lines of syslog. PHP runs the Magento
module. Fluent Bit, Vector and Filebeat are not in Debian 12: their files are only parsed.
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
import urllib.request
import xml.dom.minidom

import yaml

SOURCES = pathlib.Path("deploy/sources")
BREACHD = pathlib.Path(sys.argv[1])
DEADLINE_S = 60
SESSION = "0123456789abcdef0123456789"


def snippet(name, paths=None):
    """The snippet's text, with the paths of this test. What is replaced must be there."""
    text = (SOURCES / name).read_text()
    for old, new in (paths or {}).items():
        assert old in text, f"{name} does not say {old}"
        text = text.replace(old, str(new))
    return text


def until(what, ask):
    ends = time.monotonic() + DEADLINE_S
    while time.monotonic() < ends:
        with contextlib.suppress(OSError, ValueError):
            answer = ask()
            if answer:
                return answer
        time.sleep(0.05)
    raise AssertionError(f"waited in vain: {what}")


def run(*command, **options):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=DEADLINE_S, **options)
    assert done.returncode == 0, f"{command[0]} ended with {done.returncode}:\n{done.stdout[-3000:]}"
    return done.stdout


@contextlib.contextmanager
def daemon(*command, log, **options):
    with open(log, "ab") as out:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, **options)
    try:
        yield child
    except BaseException:
        print(pathlib.Path(log).read_text(errors="replace")[-3000:])
        raise
    finally:
        child.terminate()
        try:
            child.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def fetch(port, path):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}",
                                     headers={"Cookie": f"a=b; PHPSESSID={SESSION}", "User-Agent": 'quote" \\',
                                              "X-Portal-User": "forged", "X-Forwarded-For": "203.0.113.9"})
    with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
        return answer.headers, answer.read().decode()


def replay(directory, *inputs, zone="UTC"):
    """breachd reads the logs, and nothing is unreadable."""
    (directory / "breachd.toml").write_text('[attribution]\nsql_tags = [{ key = "uid", position = "front" }]\n')
    arguments = [argument for format, path in inputs for argument in ("--input", f"{format}={path}@{zone}")]
    said = run(BREACHD, "replay", "--config", directory / "breachd.toml", *arguments)
    for format, _ in inputs:
        contributed, _, unreadable, late = re.search(rf"^{format} +([\d,]+) +([\d,]+) +([\d,]+) +([\d,]+) ", said, re.MULTILINE).groups()
        assert contributed != "0" and unreadable == late == "0", said


# --- web servers ------------------------------------------------------------------------------------

def nginx(directory):
    port, upstream, log = free_port(), free_port(), directory / "breachd.json.log"
    (directory / "breachd.conf").write_text(snippet("nginx/breachd.conf", {"/var/log/nginx/breachd.json.log": log}))
    for name in ("breachd-proxy.conf", "breachd-php.conf"):
        shutil.copy(SOURCES / "nginx" / name, directory)
    # The upstream is nginx too: it answers with the request's id and names the user.
    (directory / "nginx.conf").write_text(f"""
daemon off; pid {directory}/pid; error_log {directory}/error.log info; worker_processes 1;
{"user root;" if os.geteuid() == 0 else ""}
events {{ worker_connections 64; }}
http {{
  client_body_temp_path {directory}/b; proxy_temp_path {directory}/p; fastcgi_temp_path {directory}/f;
  uwsgi_temp_path {directory}/u; scgi_temp_path {directory}/s;
  include {directory}/breachd.conf;
  server {{ listen 127.0.0.1:{port};
    location / {{ include {directory}/breachd-proxy.conf; proxy_pass http://127.0.0.1:{upstream}; }}
    location /php {{ include {directory}/breachd-php.conf; fastcgi_pass 127.0.0.1:1; }}
  }}
  server {{ listen 127.0.0.1:{upstream}; access_log off;
    location / {{ add_header X-Portal-User "u1042"; return 200 $http_x_request_id; }}
  }}
}}""")
    run("nginx", "-t", "-p", directory, "-c", directory / "nginx.conf")
    with daemon("nginx", "-p", directory, "-c", directory / "nginx.conf", log=directory / "out"):
        headers, body = until("nginx answers", lambda: fetch(port, "/portal/payroll?employee=7&x=%22"))
        line = json.loads(until("a line", log.read_text).splitlines()[0])
    assert "X-Portal-User" not in headers, "the browser must not see the name"
    assert line["portal_user"] == "u1042" and line["session"] == SESSION[:8], line
    assert line["request_id"] == body and re.fullmatch("[0-9a-f]{32}", body), line
    assert line["remote_addr"] == line["realip"] == line["app_host"] == "127.0.0.1", line
    assert line["x_forwarded_for"] == "203.0.113.9" and line["status"] == 200 and line["uri"] == "/portal/payroll", line
    replay(directory, ("nginx_json", log))


def apache(directory):
    port, upstream = free_port(), free_port()
    log = directory / "breachd.json.log"
    (directory / "breachd.conf").write_text(snippet("apache/breachd.conf"))
    modules = "mpm_event authz_core unique_id headers setenvif proxy proxy_http remoteip env".split()
    loaded = "\n".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in modules)
    (directory / "apache.conf").write_text(f"""
ServerRoot {directory}
PidFile {directory}/pid
{"User www-data" if os.geteuid() == 0 else ""}
ErrorLog {directory}/error.log
ServerName localhost
Listen 127.0.0.1:{port}
{loaded}
Include {directory}/breachd.conf
ProxyPass / http://127.0.0.1:{upstream}/
""")
    (directory / "upstream.py").write_text("""
import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("X-Portal-User", "u1042")
        self.end_headers()
        self.wfile.write(self.headers["X-Request-Id"].encode())
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
""")
    environment = {**os.environ, "APACHE_LOG_DIR": str(directory)}
    command = ["apache2", "-f", directory / "apache.conf"]
    run(*command, "-t", env=environment)
    with daemon(sys.executable, directory / "upstream.py", str(upstream), log=directory / "upstream"), \
            daemon(*command, "-DFOREGROUND", log=directory / "out", env=environment):
        headers, body = until("Apache answers", lambda: fetch(port, "/portal/payroll?employee=7"))
        lines = until("a line of an answer", lambda: [line for line in log.read_text().splitlines() if '"status":200' in line])
    assert "X-Portal-User" not in headers, "the browser must not see the name"
    assert f'"uid":"{body}"' in lines[0] and len(body) > 20, lines[0]
    for part in ('"puser":"u1042"', f'"sess":"{SESSION[:8]}"', '"peer":"127.0.0.1"', '"xff":"203.0.113.9"', '"q":"?employee=7"'):
        assert part in lines[0], (part, lines[0])
    replay(directory, ("apache_json", log))


# --- databases --------------------------------------------------------------------------------------

@contextlib.contextmanager
def mariadbd(directory, as_root, *snippets):
    (directory / "my.cnf").write_text("\n".join(snippets))
    with daemon("mariadbd", f"--defaults-file={directory}/my.cnf", *as_root, f"--datadir={directory}/data", "--skip-networking",
                f"--socket={directory}/sock", f"--pid-file={directory}/pid", "--innodb-flush-log-at-trx-commit=0",
                log=directory / "mariadbd.out"):
        sql = lambda text: run("mariadb", "--no-defaults", "--comments", "-u", "root", f"--socket={directory}/sock", "--batch", "-e", text)
        def answers():
            with contextlib.suppress(AssertionError):
                return sql("SELECT 1")
        until("MariaDB answers", answers)
        yield sql


def mariadb(directory):
    as_root = ["--user=root"] if os.geteuid() == 0 else []
    run("mariadb-install-db", "--no-defaults", *as_root, "--auth-root-authentication-method=normal", "--skip-test-db",
        f"--datadir={directory}/data")
    audit, slow = directory / "server_audit.log", directory / "slow.log"
    files = snippet("mariadb/server_audit.cnf", {"/var/log/mysql/server_audit.log": audit}), \
        snippet("mariadb/slow_log.cnf", {"/var/log/mysql/breachd-slow.log": slow})
    with mariadbd(directory, as_root, *files) as sql:
        sql("CREATE DATABASE hr; USE hr; CREATE TABLE hr.payslips (id INT); INSERT INTO hr.payslips SELECT seq FROM seq_1_to_7;"
            "/*rid='r',uid='u1042'*/ SELECT * FROM hr.payslips")
        ends = lambda path, text: text in path.read_text()
        until("the statement in the audit log", lambda: ends(audit, "/*rid=\\'r\\',uid=\\'u1042\\'*/ SELECT"))
        until("its table", lambda: ends(audit, ",READ,hr,payslips,"))
        until("the statement and its rows in the slow log", lambda: re.search(
            r"Rows_sent: 7 .*?/\*rid='r',uid='u1042'\*/ SELECT \* FROM hr\.payslips;", slow.read_text(), re.DOTALL))
    replay(directory, ("mariadb_server_audit", audit), ("mariadb_slow_log", slow))
    with mariadbd(directory, as_root, snippet("mariadb/server_audit_syslog.cnf")) as sql:
        shown = sql("SHOW VARIABLES LIKE 'server_audit%'")
        for variable in ("output_type\tsyslog", "events\tCONNECT,QUERY,TABLE", "syslog_info\tshop-db1", "logging\tON"):
            assert f"server_audit_{variable}" in shown, shown


def postgres(directory):
    # PostgreSQL refuses root. Debian's package brings a user of its own.
    as_postgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    if as_postgres:
        shutil.chown(directory, "postgres")
    data, programs = directory / "data", pathlib.Path("/usr/lib/postgresql/15/bin")
    run(*as_postgres, programs / "initdb", "-D", data, "-A", "trust", "-U", "postgres", "--no-sync", cwd=directory)
    with open(data / "postgresql.conf", "a") as config:
        config.write(snippet("postgres/pgaudit.conf") + f"\nlisten_addresses = ''\nunix_socket_directories = '{directory}'\n")
    psql = [*as_postgres, programs / "psql", "-X", "-h", directory, "-U", "postgres", "-v", "ON_ERROR_STOP=1", "-c"]
    with daemon(*as_postgres, programs / "postgres", "-D", data, log=directory / "out", cwd=directory):
        def answers():
            with contextlib.suppress(AssertionError):
                return run(*psql, "CREATE EXTENSION pgaudit", cwd=directory)
        until("PostgreSQL answers", answers)
        run(*psql, "CREATE SCHEMA hr", cwd=directory)
        run(*psql, "CREATE TABLE hr.payslips AS SELECT generate_series(1, 7) AS id", cwd=directory)
        run(*psql, "/*uid='u1042'*/ SELECT * FROM hr.payslips", cwd=directory)
        log = until("a log", lambda: next(data.glob("log/breachd-*.json"), None))
        until("the statement, its table and its rows", lambda: re.search(
            r"READ,SELECT,TABLE,hr\.payslips,/\*uid='u1042'\*/ SELECT \* FROM hr\.payslips,<not logged>,7", log.read_text()))
    shutil.copy(log, directory / "log.json")
    replay(directory, ("postgres_json", directory / "log.json"))


# --- shippers ---------------------------------------------------------------------------------------

def rsyslog(directory):
    for name in ("breachd.conf", "server_audit_syslog.conf"):
        text = snippet(f"rsyslog/{name}").replace("/var/spool/rsyslog", str(directory))
        path = directory / name
        # rsyslog wants somebody to listen and something to do.
        path.write_text('module(load="imuxsock" SysSock.Use="off")\n' + text)
        said = run("rsyslogd", "-N1", "-f", path, "-i", directory / "pid")
        assert "error" not in said.lower().replace("no error", ""), said


def rsyslog_carries_audit_lines_of_syslog(directory):
    received, entrance = directory / "received", directory / "log"
    text = snippet("rsyslog/server_audit_syslog.conf")
    # To a file in Kafka's place; all else as it is.
    text, changed = re.subn(r'action\(type="omkafka".*?template="(\w+)".*?"-1"\)', rf'action(type="omfile" file="{received}" template="\1")',
                            text, flags=re.DOTALL)
    assert changed == 1
    text = text.replace('\n               string', ' string').replace('%msg%"', '%msg%\\n"')
    (directory / "rsyslog.conf").write_text(
        f'module(load="imuxsock" SysSock.Use="off")\ninput(type="imuxsock" Socket="{entrance}")\n{text}')
    lines = ["shop-db1 db1,portal_app,10.0.1.12,7,70,READ,hr,payslips,",
             "shop-db1 db1,portal_app,10.0.1.12,7,70,QUERY,hr,'/*uid=\\'u1042\\'*/ SELECT * FROM payslips',0"]
    with daemon("rsyslogd", "-n", "-f", directory / "rsyslog.conf", "-i", directory / "pid", log=directory / "out"):
        until("rsyslog listens", entrance.exists)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            for line in lines:
                sender.sendto(f"<182>{time.strftime('%b %e %H:%M:%S')} mysql-server_auditing: {line}".encode(), str(entrance))
        until("both lines", lambda: received.read_text().count("\n") == 2)
    replay(directory, ("mariadb_server_audit", received))


def shippers_are_yaml_and_toml(directory):
    fluent = yaml.safe_load((SOURCES / "fluent-bit/fluent-bit.yaml").read_text())
    assert len(fluent["pipeline"]["inputs"]) == len(fluent["pipeline"]["outputs"]) == 4
    beat = yaml.safe_load((SOURCES / "filebeat/filebeat.yml").read_text())
    assert len(beat["filebeat.inputs"]) == 4 and beat["output.kafka"]["key"]
    vector = tomllib.loads((SOURCES / "vector/vector.toml").read_text())
    assert {name for sink in vector["sinks"].values() for name in sink["inputs"]} == set(vector["sources"])
    # One broker, and the same files to the same topics in all.
    for name in ("fluent-bit/fluent-bit.yaml", "filebeat/filebeat.yml", "vector/vector.toml", "rsyslog/breachd.conf"):
        text = (SOURCES / name).read_text()
        for word in ("127.0.0.1:9092", "logs.nginx.access", "logs.mariadb.audit", "logs.mariadb.slow",
                     "logs.magento.hr_audit", "/var/www/magento/var/log/hr_audit.json.log",
                     "/var/log/nginx/breachd.json.log", "/var/log/mysql/server_audit.log", "/var/log/mysql/breachd-slow.log"):
            assert word in text, f"{name} lacks {word}"


# --- Magento ----------------------------------------------------------------------------------------

def magento_lint(directory):
    files = [*SOURCES.rglob("*.php"), *pathlib.Path("tests/sources").glob("*.php")]
    assert len(files) > 15
    for path in files:
        run("php", "-l", path)
    for path in (SOURCES / "magento").rglob("*.xml"):
        xml.dom.minidom.parse(str(path))


def magento_runs(directory):
    said = run("php", "-d", "zend.assertions=1", "-d", "error_reporting=-1", "-d", "display_errors=1", "tests/sources/magento.php")
    assert re.search(r"^[1-9]\d* passed, 0 failed$", said, re.MULTILINE), said
    assert "Deprecated" not in said and "Warning" not in said, said


# --- the whole --------------------------------------------------------------------------------------

def readme_names_every_file(directory):
    readme = (SOURCES / "README.md").read_text()
    for path in SOURCES.rglob("*"):
        name = path.relative_to(SOURCES)
        if path.is_file() and name.name != "README.md" and name.parts[0] != "magento":
            assert f"`{name}`" in readme, f"{name} is missing"
    for name in re.findall(r"`([\w-]+/[\w.-]+)`", readme):
        assert (SOURCES / name).exists(), f"{name} does not exist"
    for format in re.findall(r"`((?:nginx|apache|mariadb|postgres)_\w+)`", readme):
        known = {"nginx_json", "apache_json", "mariadb_server_audit", "mariadb_slow_log", "postgres_csv", "postgres_json"}
        assert format in known, format


CHECKS = [nginx, apache, mariadb, postgres, rsyslog, rsyslog_carries_audit_lines_of_syslog, shippers_are_yaml_and_toml, magento_lint, magento_runs,
          readme_names_every_file]


def main():
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    failed = 0
    for check in CHECKS:
        with tempfile.TemporaryDirectory(prefix="breachd-") as directory:
            os.chmod(directory, 0o755)
            try:
                check(pathlib.Path(directory))
            except Exception as error:  # noqa: BLE001: a check that breaks has failed
                failed += 1
                print(f"FAILED {check.__name__}: {type(error).__name__}: {error}")
    print(f"{len(CHECKS) - failed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
