#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""manager.py ADDRESS - what a service manager is told, a message a line.

Listens at the address that NOTIFY_SOCKET is to have, '@' for one that is in no
file system, until it is killed.
"""
import socket
import sys

told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
told.bind(sys.argv[1].replace("@", "\0", 1))
print("listening", flush=True)
while True:
    print(told.recv(4096).decode().replace("\n", " "), flush=True)
