#include "tls.h"
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

enum { MOST_NAMES = 65536, NAME_BYTES = 256, BUFFER_BYTES = 65536, HEAD_BYTES = 8192, TIMEOUT_S = 10 };

void give_up(const char *why) {
    fprintf(stderr, "%s\n", why);
    exit(1);
}

double now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}

int compare_doubles(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

double quantile(const double *sorted, long count, double share) {
    if (count == 0) return 0;
    long index = (long)(share * count);
    return sorted[index < count ? index : count - 1];
}

/* OpenSSL passes on each ticket as it arrives; the last one is used. */
static int keep_session(SSL *ssl, SSL_SESSION *session) {
    SSL_SESSION **slot = SSL_get_app_data(ssl);
    if (!slot) return 0;
    if (*slot) SSL_SESSION_free(*slot);
    *slot = session;
    return 1;
}

static char **read_names(const char *path, int *count) {
    FILE *file = fopen(path, "r");
    if (!file) give_up("the names file cannot be read");
    char **names = calloc(MOST_NAMES, sizeof *names), line[NAME_BYTES];
    for (*count = 0; *count < MOST_NAMES && fgets(line, sizeof line, file);) {
        line[strcspn(line, "\r\n")] = 0;
        if (line[0]) names[(*count)++] = strdup(line);
    }
    fclose(file);
    if (*count == 0) give_up("the names file is empty");
    return names;
}

struct target read_target(char **arguments) {
    struct target target = {.address = {.sin_family = AF_INET, .sin_port = htons(atoi(arguments[1]))}};
    if (inet_pton(AF_INET, arguments[0], &target.address.sin_addr) != 1) give_up("not an IPv4 address");
    target.names = read_names(arguments[2], &target.count);
    signal(SIGPIPE, SIG_IGN);
    target.context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(target.context, TLS1_3_VERSION);
    SSL_CTX_set_verify(target.context, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_session_cache_mode(target.context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(target.context, keep_session);
    return target;
}

int open_connection(const struct target *target, const char *name, SSL_SESSION *offered, SSL_SESSION **received,
                    struct connection *opened) {
    int yes = 1;
    struct timeval patience = {.tv_sec = TIMEOUT_S};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    SSL *ssl = SSL_new(target->context);
    SSL_set_app_data(ssl, received);
    SSL_set_tlsext_host_name(ssl, name);
    SSL_set_fd(ssl, fd);
    if (offered) SSL_set_session(ssl, offered);
    *opened = (struct connection){fd, ssl};
    if (connect(fd, (const struct sockaddr *)&target->address, sizeof target->address) == 0 && SSL_connect(ssl) == 1)
        return 1;
    close_connection(opened);
    return 0;
}

void close_connection(struct connection *connection) {
    if (SSL_is_init_finished(connection->ssl)) SSL_shutdown(connection->ssl);
    SSL_free(connection->ssl);
    close(connection->fd);
}

/* The body's length in bytes, from a complete header; -1 if it is not a 200 with a length. */
static long body_length(const char *head) {
    const char *length = strcasestr(head, "\r\ncontent-length:");
    return strncmp(head, "HTTP/1.1 200", 12) == 0 && length ? atol(length + 17) : -1;
}

int exchange(const struct connection *connection, const char *name, const char *path) {
    char request[512], head[HEAD_BYTES + 1], body[BUFFER_BYTES];
    int size = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, name);
    if (SSL_write(connection->ssl, request, size) != size) return 0;
    int got = 0;
    const char *end = NULL;
    while (!end) {
        int read = got < HEAD_BYTES ? SSL_read(connection->ssl, head + got, HEAD_BYTES - got) : 0;
        if (read <= 0) return 0;
        head[got += read] = 0;
        end = strstr(head, "\r\n\r\n");
    }
    long left = body_length(head);
    if (left < 0) return 0;
    for (left -= head + got - (end + 4); left > 0;) {
        int read = SSL_read(connection->ssl, body, left < BUFFER_BYTES ? (int)left : BUFFER_BYTES);
        if (read <= 0) return 0;
        left -= read;
    }
    return 1;
}
