// Another extension with the permission `management`: it may switch others off.
