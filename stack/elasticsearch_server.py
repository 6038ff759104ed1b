"""One Elasticsearch node, assembled from its published archives, on the loopback address only.

No `bin/elasticsearch` is published, so the node class is started directly, in the order of calls
of Elasticsearch's own start. The core must lie on Java's module path: the module
`transport-netty4`, which speaks HTTP, cannot be resolved from the class path.

Runs as `python -m stack.elasticsearch_server HOME JARS HEAP HTTP_PORT TRANSPORT_PORT
[JAVA_OPTION...]`.
"""

from __future__ import annotations

import http.client
import json
import shutil
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from stack.jvm import java, serve
from stack.ports import HOST

NAME = "emostream"
NETTY = "transport-netty4"
NATIVE_ACCESS = "ALL-UNNAMED,org.apache.lucene.core,org.elasticsearch.nativeaccess"
IN_THE_JAR = f"META-INF/es-plugins/{NETTY}/"

LOGGING = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%-25c{1.}] %m%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
# It warns, with a page of traces, of native libraries that are not published; nothing needs them.
logger.native.name = org.elasticsearch.nativeaccess
logger.native.level = error
"""


def write_home(home: Path, core: Iterable[Path], netty: Iterable[Path]) -> None:
    """Lay out the node's home: settings, data, and its one module."""
    for name in ("config", "data", "logs", "plugins"):
        (home / name).mkdir(parents=True, exist_ok=True)
    (home / "config" / "elasticsearch.yml").touch()
    (home / "config" / "log4j2.properties").write_text(LOGGING, encoding="utf-8")

    module = home / "modules" / NETTY
    shutil.rmtree(module.parent, ignore_errors=True)  # an older version's archives
    module.mkdir(parents=True)
    in_core = {jar.name for jar in core}
    for jar in netty:
        if jar.name not in in_core:
            shutil.copy(jar, module)
        if jar.name.startswith(f"{NETTY}-"):
            unpack_descriptors(jar, module)


def unpack_descriptors(jar: Path, module: Path) -> None:
    """Put the module's descriptor and policy, which its own archive holds, beside the archives."""
    with zipfile.ZipFile(jar) as archive:
        for name in archive.namelist():
            if name.startswith(IN_THE_JAR) and not name.endswith("/"):
                (module / name.removeprefix(IN_THE_JAR)).write_bytes(archive.read(name))


def is_ready(port: int, timeout: float = 1.0) -> bool:
    """Whether the node answers and can serve every index it holds."""
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout)
    try:
        connection.request("GET", "/_cluster/health?wait_for_status=yellow&timeout=0s")
        response = connection.getresponse()
        health = json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()
    return response.status == http.client.OK and health.get("timed_out") is False


class Node:
    """The node of one home folder."""

    def __init__(self, home: Path, port: int, transport_port: int) -> None:
        self.home = home
        self.settings = {
            "path.home": str(home),
            "cluster.name": NAME,
            "node.name": NAME,
            "discovery.type": "single-node",
            "network.host": HOST,
            "http.port": str(port),
            "transport.port": str(transport_port),
            # Absolute: on a developer's machine a share of the whole disk says little. At the last
            # of the three the node takes no more writes, and the indexer waits.
            "cluster.routing.allocation.disk.watermark.low": "600mb",
            "cluster.routing.allocation.disk.watermark.high": "500mb",
            "cluster.routing.allocation.disk.watermark.flood_stage": "250mb",
        }
        self._node: Any = None

    def start(self) -> None:
        """Start the node."""
        log_configurator = java("org.elasticsearch.common.logging.LogConfigurator")
        log_configurator.configureESLogging()
        environment = self._environment()
        log_configurator.configure(environment, True)
        loading = java("org.elasticsearch.plugins.PluginsLoader")
        modules = loading.loadModulesBundles(environment.modulesDir())
        none, nothing = java("java.util.Set").of(), java("java.util.Map").of()
        loader = loading.createPluginsLoader(modules, none, nothing)
        self._node = java("org.elasticsearch.node.Node")(environment, loader)
        self._node.start()

    def stop(self) -> None:
        """Close the node, so that the next start has nothing to recover."""
        self._node.close()

    def _environment(self) -> Any:
        """Elasticsearch's own view of settings and folders."""
        from jpype import JProxy

        overrides = java("java.util.HashMap")()
        for name, value in self.settings.items():
            overrides.put(name, value)
        preparer = java("org.elasticsearch.node.InternalSettingsPreparer")
        return preparer.prepareEnvironment(
            java("org.elasticsearch.common.settings.Settings").EMPTY,
            overrides,
            java("java.nio.file.Path").of(str(self.home / "config")),
            JProxy("java.util.function.Supplier", dict={"get": lambda: NAME}),
        )


def main(arguments: list[str]) -> None:
    """Run the node of one home folder."""
    home, jars, heap, port, transport_port, *java_options = arguments
    archives = ":".join(str(jar) for jar in sorted(Path(jars).glob("*.jar")))
    serve(
        Node(Path(home), int(port), int(transport_port)),
        heap=heap,
        options=[
            f"--module-path={archives}",
            "--add-modules=ALL-MODULE-PATH",
            f"--enable-native-access={NATIVE_ACCESS}",
            f"-Des.path.home={home}",
            f"-Des.path.conf={home}/config",
            "-Dlog4j2.disable.jmx=true",
            "-Dio.netty.noUnsafe=true",
            *java_options,
        ],
    )


if __name__ == "__main__":
    main(sys.argv[1:])
