# One image for every process: the command says which (nudge worker, nudge deliver, …).
FROM python:3.11-slim-bookworm AS build
RUN pip install --no-cache-dir --disable-pip-version-check uv==0.13.9 && python -m venv /opt/nudge
ENV VIRTUAL_ENV=/opt/nudge UV_LINK_MODE=copy
# The core is compiled here; the image that runs has no compiler.
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
ENV HATCH_BUILD_HOOKS_ENABLE=1
WORKDIR /src
# What changes seldom comes first, so that a change of code does not fetch everything again.
COPY pyproject.toml constraints.txt ./
RUN uv pip install --no-cache --constraint constraints.txt --requirement pyproject.toml
COPY . .
RUN uv pip install --no-cache --no-deps . \
    && /opt/nudge/bin/python -m compileall -q /opt/nudge/lib

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --user-group --home-dir /var/lib/nudge nudge \
    && install -d -o nudge -g nudge -m 0700 /var/lib/nudge /var/lib/nudge/keys
COPY --from=build /opt/nudge /opt/nudge
ENV PATH=/opt/nudge/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    NUDGE_HEALTH_HOST=0.0.0.0 \
    NUDGE_HEALTH_PORT=8080 \
    NUDGE_VAPID_KEYS=/var/lib/nudge/keys
USER 10001:10001
WORKDIR /var/lib/nudge
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=6s --start-period=60s --retries=3 \
    CMD ["python", "-m", "runtime.probe", "http://127.0.0.1:8080/readyz"]
ENTRYPOINT ["nudge"]
CMD ["--help"]
