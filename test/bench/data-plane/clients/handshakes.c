/*
 * Opens new TLS 1.3 connections, in sequence in each of several loops, each with one small request
 * and a clean close.
 *
 *   handshakes HOST PORT NAMES-FILE full|resumed LOOPS SECONDS PATH any|GROUPS
 *
 * `resumed` offers the last ticket of its loop and uses one name in each loop; `full` offers no
 * ticket and uses random names. Prints one line of JSON: the number of connections, failures and
 * sessions that were really resumed, and quantiles of the time from connect() to the end of the
 * handshake.
 */
#include "tls.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_PER_LOOP = 1 << 17, BUCKETS = 20 };

struct loop {
    pthread_t thread;
    int number;
    long done, reused, failed;
    double *times_us;
    char group[64], cipher[64];
};

static struct target target;
static int resume, loops;
static double seconds;
static const char *path;
static pthread_barrier_t begin;
static double started_us;

static const char *name_for(struct loop *loop, unsigned *seed) {
    int index = resume ? (int)((long)loop->number * target.count / loops) : rand_r(seed) % target.count;
    return target.names[index];
}

/* One connection from beginning to end. `slot` holds the session to offer and gets the newest. */
static int connect_once(struct loop *loop, const char *name, SSL_SESSION **slot, int counted) {
    struct connection connection;
    SSL_SESSION *offered = resume ? *slot : NULL;
    if (offered) SSL_SESSION_up_ref(offered);
    double start = now_us();
    int good = open_connection(&target, name, offered, resume ? slot : NULL, &connection);
    double took = now_us() - start;
    if (offered) SSL_SESSION_free(offered);
    if (!good) return 0;
    good = exchange(&connection, name, path);
    if (counted && good && loop->done < MOST_PER_LOOP) {
        loop->times_us[loop->done++] = took;
        loop->reused += SSL_session_reused(connection.ssl);
        const char *group = SSL_group_to_name(connection.ssl, SSL_get_negotiated_group(connection.ssl));
        snprintf(loop->group, sizeof loop->group, "%s", group ? group : "none");
        snprintf(loop->cipher, sizeof loop->cipher, "%s", SSL_get_cipher(connection.ssl));
    }
    close_connection(&connection);
    return good;
}

static void *run(void *argument) {
    struct loop *loop = argument;
    unsigned seed = loop->number + 1;
    SSL_SESSION *session = NULL;
    /* The first connection of each loop is not counted: it only fetches the ticket. */
    if (!connect_once(loop, name_for(loop, &seed), &session, 0)) give_up("the first connection failed");
    if (pthread_barrier_wait(&begin) == PTHREAD_BARRIER_SERIAL_THREAD) started_us = now_us();
    pthread_barrier_wait(&begin);
    while (now_us() < started_us + seconds * 1e6)
        if (!connect_once(loop, name_for(loop, &seed), &session, 1)) loop->failed++;
    return NULL;
}

static void report(struct loop *all) {
    struct loop sum = {0};
    long histogram[BUCKETS] = {0}, count = 0;
    double took = (now_us() - started_us) / 1e6;
    for (int i = 0; i < loops; i++) sum.done += all[i].done, sum.reused += all[i].reused, sum.failed += all[i].failed;
    double *times = malloc((sum.done + 1) * sizeof *times);
    for (int i = 0; i < loops; i++)
        for (long j = 0; j < all[i].done; j++) times[count++] = all[i].times_us[j];
    qsort(times, count, sizeof *times, compare_doubles);
    for (long i = 0; i < count; i++) {
        int bucket = 0;
        while (bucket < BUCKETS - 1 && times[i] >= (double)(32L << bucket)) bucket++;
        histogram[bucket]++;
    }
    printf("{\"connections\":%ld,\"seconds\":%.4f,\"reused\":%ld,\"failed\":%ld,\"group\":\"%s\",\"cipher\":\"%s\",", sum.done,
           took, sum.reused, sum.failed, all[0].group, all[0].cipher);
    printf("\"p50Us\":%.0f,\"p99Us\":%.0f,\"histogramFrom32Us\":[", quantile(times, count, 0.5),
           quantile(times, count, 0.99));
    for (int i = 0; i < BUCKETS; i++) printf("%s%ld", i ? "," : "", histogram[i]);
    printf("]}\n");
}

int main(int count, char **arguments) {
    if (count != 9) give_up("usage: handshakes HOST PORT NAMES-FILE full|resumed LOOPS SECONDS PATH any|GROUPS");
    target = read_target(arguments + 1);
    resume = strcmp(arguments[4], "resumed") == 0;
    loops = atoi(arguments[5]);
    seconds = atof(arguments[6]);
    path = arguments[7];
    if (strcmp(arguments[8], "any") != 0 && !SSL_CTX_set1_groups_list(target.context, arguments[8]))
        give_up("unknown groups");
    struct loop *all = calloc(loops, sizeof *all);
    pthread_barrier_init(&begin, NULL, loops);
    for (int i = 0; i < loops; i++) {
        all[i].number = i;
        all[i].times_us = malloc(MOST_PER_LOOP * sizeof(double));
        if (pthread_create(&all[i].thread, NULL, run, &all[i]) != 0) give_up("no more threads");
    }
    for (int i = 0; i < loops; i++) pthread_join(all[i].thread, NULL);
    report(all);
    return 0;
}
