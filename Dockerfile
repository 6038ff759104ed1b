# One image for every station and every one-shot command. docs/docker.md says how it is used.
ARG PYTHON_VERSION=3.11.14-slim-bookworm

FROM python:${PYTHON_VERSION} AS dependencies
# Empty: the torch of PyPI, which brings CUDA on x86-64 (several GB). An index of CPU-only wheels,
# which pytorch.org names, leaves that out; everything else comes from PyPI either way.
ARG TORCH_INDEX=
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
WORKDIR /build
COPY pyproject.toml constraints.txt docker/requirements.py ./
# Only a changed dependency makes this layer anew; a changed module does not.
RUN if [ -n "$TORCH_INDEX" ]; then \
        pip install --no-deps --index-url "$TORCH_INDEX" "$(grep '^torch==' constraints.txt)"; \
    fi \
    && python requirements.py > requirements.txt \
    && pip install --constraint constraints.txt --requirement requirements.txt

FROM python:${PYTHON_VERSION} AS emostream
LABEL org.opencontainers.image.title="emostream" org.opencontainers.image.licenses="Apache-2.0"
# A new named volume takes owner and mode of the folder it is mounted on: 1000 is the user of the
# Elasticsearch, Kibana and Kafka images too, so all of them can read what `secrets` makes.
RUN groupadd --gid 1000 emostream \
    && useradd --uid 1000 --gid 1000 --no-create-home --home-dir /tmp emostream \
    && install --directory --owner=1000 --group=1000 --mode=0700 /secrets /keys /state
COPY --from=dependencies /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONPATH=/app \
    HOME=/tmp \
    EMOSTREAM_HEALTH_DIR=/tmp/alive
WORKDIR /app
COPY LICENSE ./
COPY stack ./stack
COPY stream ./stream
COPY ingest ./ingest
COPY indexer ./indexer
COPY kibana ./kibana
COPY classifier ./classifier
COPY web ./web
USER 1000:1000
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["python", "-m", "stream", "health"]
CMD ["python", "-m", "stream", "config"]
