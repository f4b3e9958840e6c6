"""The control plane of Azure (ARM) and its price list: read, write, follow."""
