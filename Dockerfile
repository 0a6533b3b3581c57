# The image of dstack-ingress. Everything that is downloaded is pinned: the base image by its
# digest, Debian's packages by the base image's snapshot of the archive, npm packages (including
# Node.js) by package-lock.json. scripts/build-image builds it twice and compares; docs/image.md
# says how to verify an image from another source.
ARG BASE=debian:trixie-slim@sha256:a29215f6a35e51e22adffa17f89e9d2ef06214e64a2bad10d765c46aea49f11f

FROM ${BASE} AS debian
# Another snapshot of the archive, such as 20261101T000000Z, for newer packages on the same base.
ARG DEBIAN_SNAPSHOT=
# Debian's official images name their snapshot in a comment above each URIs line. A base without one
# keeps its sources.
RUN sources=/etc/apt/sources.list.d/debian.sources; \
    if grep -qsE '^# http.*/[0-9]{8}T[0-9]{6}Z$' "$sources"; then \
      sed -i -E "N; s|^# (http[^ ]+/)([0-9]{8}T[0-9]{6}Z)\nURIs: .*|URIs: \1${DEBIAN_SNAPSHOT:-\\2}|; P; D" "$sources"; \
      echo 'Acquire::Check-Valid-Until "false";' >/etc/apt/apt.conf.d/90snapshot; \
    elif [ -n "$DEBIAN_SNAPSHOT" ]; then \
      echo 'DEBIAN_SNAPSHOT has no effect: the base image does not name the archive of its packages' >&2; exit 1; \
    fi

FROM debian AS build
RUN echo force-unsafe-io >/etc/dpkg/dpkg.cfg.d/unsafe-io; \
    apt-get -qq update && \
    DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends binutils libatomic1 npm >/dev/null
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
# The secret `ca` is for networks that inspect TLS: a PEM file with the inspecting proxy's CA.
RUN --mount=type=secret,id=ca \
    if [ -f /run/secrets/ca ]; then export NODE_EXTRA_CA_CERTS=/run/secrets/ca; fi; \
    npm ci --no-fund --no-audit --loglevel=error && \
    strip -o node node_modules/node-linux-*/bin/node
COPY scripts/build scripts/
COPY src src
COPY providers providers
RUN PATH="$PWD:$PATH" scripts/build

FROM debian
ARG SOURCE_DATE_EPOCH=0
RUN apt-get -qq update && \
    DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
      ca-certificates haproxy libatomic1 >/dev/null && \
    apt-get -qq clean && \
    # These differ from one build to the next.
    rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/cache/ldconfig/aux-cache \
      /var/lib/dpkg/*-old /var/log/* /etc/passwd- /etc/shadow- /etc/group- /etc/gshadow- /tmp/*
COPY --from=build --chmod=755 /build/node /usr/local/bin/node
COPY --from=build --chmod=644 /build/dist/* /usr/local/lib/dstack-ingress/
COPY --chmod=755 entrypoint.sh /usr/local/bin/dstack-ingress
COPY --chmod=644 LICENSE /usr/local/share/doc/dstack-ingress/LICENSE

ARG VERSION=0.0.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="dstack-ingress" \
      org.opencontainers.image.description="A custom domain with a real certificate for an app in a dstack confidential VM" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.base.name="docker.io/library/debian:trixie-slim" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# In the image, localhost is the ingress's own container, which a TARGET_ENDPOINT rarely means.
ENV DSTACK_INGRESS_CONTAINER=true
WORKDIR /
VOLUME ["/etc/letsencrypt", "/evidences"]
EXPOSE 443
# Stops listening at once and drains open connections for 8 seconds, within the 10 of `docker stop`.
STOPSIGNAL SIGTERM
# A failure in the start period never counts, so a long one would hide a wrong token. A first
# certificate may still take minutes: a check waits while the start makes progress on its own, and
# the container is starting until the check ends.
HEALTHCHECK --interval=30s --timeout=600s --start-period=30s --retries=3 CMD ["dstack-ingress", "health", "--wait"]
ENTRYPOINT ["dstack-ingress"]
