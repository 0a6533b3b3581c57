/*
 * Sends requests at a fixed rate on persistent connections, even if responses are late.
 *
 *   paced HOST PORT NAMES-FILE CONNECTIONS REQUESTS-PER-SECOND SECONDS PATH
 *
 * The due times are drawn in advance (a Poisson process for each connection, the same in every
 * run), and each time is measured from the moment at which a request is due, not from when it could
 * be sent. A response that delays the next request counts in both, so a stalled server cannot hide
 * its stall ("coordinated omission"). Prints one line of JSON.
 */
#include "tls.h"
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

enum { MOST_PER_LOOP = 1 << 17 };

struct loop {
    pthread_t thread;
    int number;
    long done, delayed;
    double *times_us;
};

static struct target target;
static int connections;
static double gap_us, seconds;
static const char *path;
static pthread_barrier_t begin;
static double started_us;

static void sleep_until(double moment_us) {
    struct timespec moment = {.tv_sec = (time_t)(moment_us / 1e6)};
    moment.tv_nsec = (long)((moment_us - moment.tv_sec * 1e6) * 1e3);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &moment, NULL) == EINTR) continue;
}

static double next_gap(unsigned *seed) { return -log((rand_r(seed) + 1.0) / (RAND_MAX + 2.0)) * gap_us; }

static void *run(void *argument) {
    struct loop *loop = argument;
    unsigned seed = loop->number + 1;
    struct connection connection;
    const char *name = target.names[loop->number % target.count];
    prctl(PR_SET_TIMERSLACK, 1UL);
    if (!open_connection(&target, name, NULL, NULL, &connection) || !exchange(&connection, name, path))
        give_up("the first request failed");
    if (pthread_barrier_wait(&begin) == PTHREAD_BARRIER_SERIAL_THREAD) started_us = now_us();
    pthread_barrier_wait(&begin);
    double due = started_us + next_gap(&seed);
    for (; due < started_us + seconds * 1e6 && loop->done < MOST_PER_LOOP; due += next_gap(&seed)) {
        if (now_us() < due)
            sleep_until(due);
        else
            loop->delayed++;
        if (!exchange(&connection, name, path)) give_up("a request failed");
        loop->times_us[loop->done++] = now_us() - due;
    }
    close_connection(&connection);
    return NULL;
}

int main(int count, char **arguments) {
    if (count != 8) give_up("usage: paced HOST PORT NAMES-FILE CONNECTIONS REQUESTS-PER-SECOND SECONDS PATH");
    target = read_target(arguments + 1);
    connections = atoi(arguments[4]);
    gap_us = connections * 1e6 / atof(arguments[5]);
    seconds = atof(arguments[6]);
    path = arguments[7];
    struct loop *all = calloc(connections, sizeof *all);
    pthread_barrier_init(&begin, NULL, connections);
    for (int i = 0; i < connections; i++) {
        all[i].number = i;
        all[i].times_us = malloc(MOST_PER_LOOP * sizeof(double));
        if (pthread_create(&all[i].thread, NULL, run, &all[i]) != 0) give_up("no more threads");
    }
    for (int i = 0; i < connections; i++) pthread_join(all[i].thread, NULL);
    double took = (now_us() - started_us) / 1e6;
    long done = 0, delayed = 0, filled = 0;
    for (int i = 0; i < connections; i++) done += all[i].done, delayed += all[i].delayed;
    double *times = malloc((done + 1) * sizeof *times);
    for (int i = 0; i < connections; i++)
        for (long j = 0; j < all[i].done; j++) times[filled++] = all[i].times_us[j];
    qsort(times, filled, sizeof *times, compare_doubles);
    printf("{\"requests\":%ld,\"seconds\":%.4f,\"delayed\":%ld,\"p50Us\":%.1f,\"p90Us\":%.1f,\"p99Us\":%.1f,\"maxUs\":%.1f}\n",
           done, took, delayed, quantile(times, done, 0.5), quantile(times, done, 0.9), quantile(times, done, 0.99),
           quantile(times, done, 1));
    return 0;
}
