/* SPDX-License-Identifier: MIT */
/*
 * config_value.h - from the text of one option to its field.
 */
#ifndef SRC_CONFIG_VALUE_H
#define SRC_CONFIG_VALUE_H

#include "src/config.h"
#include "src/options.h"

/*
 * config_value_set - store what `text` says in the row's field. Returns NULL,
 * or what is wrong with the text, to stand behind it in a message: "is not a
 * size". The config is then as before. Addresses are added. Of --max-lag only
 * the form is checked: config_value_lag() needs the final ring.
 */
const char *config_value_set(struct config *config,
			     const struct option_row *row, const char *text);

/*
 * config_value_lag - the bytes that --max-lag means with a ring of this size.
 * Returns 0, -EINVAL for neither a size nor a percentage, or -ERANGE for more
 * than 64 bits or 100 %.
 */
int config_value_lag(const char *text, uint64_t ring_size_bytes,
		     uint64_t *bytes);

/*
 * config_value_lag_range - what --max-lag may be with this ring: at least two
 * reads, so that one read alone makes nobody too slow; and with room for one
 * more read behind the slowest receiver.
 */
void config_value_lag_range(uint64_t ring_size_bytes, uint64_t *low,
			    uint64_t *high);

#endif
