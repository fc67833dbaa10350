# The desk as an image; how to run it: docs/deployment.md

FROM python:3.11.15-slim-bookworm AS base

# --- packages: what the program stands on -------------------------------------------------------------------------------

# Only the names of packages go on from here: another line in pyproject.toml, or in the program, installs nothing again.
FROM base AS names
COPY pyproject.toml .
RUN python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" \
      > /requirements.txt

FROM base AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
RUN python -m venv /opt/warmline
ENV PATH=/opt/warmline/bin:$PATH
COPY --from=names /requirements.txt .
COPY constraints.txt .
# What packages bring for their own tests, and what only builds packages, is no use in here. The bytecode is made now,
# because nothing can be written later; it is believed unchecked, because copies of files have other times.
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --no-compile -c constraints.txt -r requirements.txt \
    && pip uninstall --yes setuptools \
    && cd /opt/warmline/lib/python3.11/site-packages \
    && find numpy scipy sklearn onnx -type d \( -name tests -o -name test \) -prune -exec rm -r {} + \
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash .

# --- program: the wheel, unpacked in the shape of the packages' folder --------------------------------------------------

FROM packages AS program
COPY . .
# `diff` ends the build if the wheel has left out a file.
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --no-compile --no-deps --prefix /opt/program . \
    && cd /opt/program/lib/python3.11/site-packages \
    && for folder in bot channels handoff intents models store; do diff -r "/build/$folder" "$folder" || exit 1; done \
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash .

# --- desk: only what runs -----------------------------------------------------------------------------------------------

FROM base AS desk
# The number of the user is fixed, so that a volume made by one image belongs to the next one's user. The image's Python
# comes without bytecode of its own library.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /var/lib/warmline --shell /usr/sbin/nologin warmline \
    && install -d -o warmline -g warmline -m 0700 /var/lib/warmline \
    && python -m compileall -q -j 0 -x '/(site-packages|test|idlelib|lib2to3)/' /usr/local/lib/python3.11
COPY --from=packages /opt/warmline /opt/warmline
COPY --from=program /opt/program /opt/warmline
ENV PATH=/opt/warmline/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    ORT_DISABLE_TELEMETRY=1 \
    WARMLINE_HOME=/var/lib/warmline \
    WARMLINE_HOST=0.0.0.0 \
    WARMLINE_PORT=8000
USER 10001:10001
WORKDIR /var/lib/warmline
VOLUME /var/lib/warmline
EXPOSE 8000
STOPSIGNAL SIGTERM
# The first start fetches and learns, which takes minutes; a health check that fails meanwhile does not count.
HEALTHCHECK --interval=15s --timeout=5s --start-period=10m --retries=3 \
    CMD ["python", "-ISc", "import http.client, os; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['WARMLINE_PORT']), timeout=4); c.request('GET', '/readyz'); raise SystemExit(c.getresponse().status != 200)"]
CMD ["warmline", "run"]

# --- with-encoder: for machines that have no way out, `--target with-encoder` -------------------------------------------

# Otherwise the first start fetches the weights (90 MB) into the home volume, where what is made of them must lie anyhow:
# it depends on the processor.
FROM packages AS encoder
COPY models models
RUN python -c "from pathlib import Path; from models.weights import fetch_checkpoint; fetch_checkpoint(Path('/opt'), progress=print)"

FROM desk AS with-encoder
COPY --from=encoder /opt/encoder/all-minilm-l6-v2 /opt/encoder
ENV WARMLINE_ENCODER=/opt/encoder

# --- what is built when nothing is said ---------------------------------------------------------------------------------

FROM desk
