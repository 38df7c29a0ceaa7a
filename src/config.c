/* SPDX-License-Identifier: MIT */
/* config.c - see config.h. */
#include "src/config.h"

uint64_t config_read_bytes(uint64_t ring_size_bytes)
{
	return ring_size_bytes / 8 < CONFIG_READ_MAX ? ring_size_bytes / 8
						     : CONFIG_READ_MAX;
}

bool config_role_receives(enum config_role role)
{
	switch (role) {
	case CONFIG_ROLE_ANY:
	case CONFIG_ROLE_EGRESS:
	case CONFIG_ROLE_PACKET:
		return true;
	case CONFIG_ROLE_INGEST:
	case CONFIG_ROLE_ECHO:
	case CONFIG_ROLE_ADMIN:
		break;
	}
	return false;
}

uint32_t config_role_count(const struct config *config, enum config_role role)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < config->listen_count; i++)
		count += config->listens[i].role == role;
	return count;
}

uint64_t config_least_lag(const struct config *config)
{
	uint64_t least = UINT64_MAX;

	for (uint32_t i = 0; i < config->listen_count; i++)
		if (config_role_receives(config->listens[i].role) &&
		    config->listens[i].max_lag_bytes < least)
			least = config->listens[i].max_lag_bytes;
	return least == UINT64_MAX ? config->max_lag_bytes : least;
}

uint32_t config_echo_clients(const struct config *config)
{
	return config_role_count(config, CONFIG_ROLE_ECHO) > 0
		       ? config->echo_max_clients
		       : 0;
}

bool config_has_clients(const struct config *config)
{
	return config_role_count(config, CONFIG_ROLE_PACKET) > 0;
}
