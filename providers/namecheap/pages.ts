/** Where Namecheap's website has the API key and the whitelist, as a person finds it. */
export const API_ACCESS =
  'ap.www.namecheap.com > Profile > Tools > Business & Dev Tools > Namecheap API Access > Manage';
