//! Hosts as network namespaces, links, captures, crafted packets, process control.
