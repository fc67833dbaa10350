"""What most people ask who do not ask us: the company a knowledge base keeps, to tell its questions from theirs.

A similarity of 0.6 means little by itself. It means much if no question of any other trade comes nearer, and nothing
if "How do I cancel a gym membership?" does. So each question is compared with these as well; speaker verification
calls such a set a cohort (Rosenberg et al., "The use of cohort normalized scores for speaker verification", 1992).
They are general on purpose. One that an article of the house does answer is left out of that house's set.
"""

_ASKED = """
How do I run a game server?
How do I make a modpack or a map for a game?
How do I level up faster in the game?
How do I get more coins or skins?
How do I redeem a game key?
How do I stream games live?
How do I set up voice chat for my team?
How do I host a bot for a chat server?
How do I deploy a Node.js application?
How do I run a Python web application?
How do I install a Java server?
How do I use Docker containers?
How do I set up Kubernetes?
How do I rent a virtual or dedicated server?
How do I add memory or processors to a server?
How do I reboot my server?
How do I install Linux or Windows on a server?
How do I set up a VPN?
How do I set up a proxy server?
How do I configure a firewall?
How do I open ports?
How do I mount a network drive or NAS?
How do I set up object storage or a bucket?
How do I use a load balancer?
How do I set up caching with Redis or Varnish?
How do I speed up my website?
How do I use a content delivery network?
How do I compress images?
How do I use the API and get a key?
How do I set up webhooks?
How do I automate tasks with Zapier or n8n?
How do I deploy from a Git repository?
How do I set up continuous integration?
How do I create a staging environment?
How do I install Joomla, Drupal or TYPO3?
How do I install Nextcloud or a wiki?
How do I set up an online shop?
How do I add products and prices to a store?
How do I set up shipping and taxes in a shop?
How do I accept payments on my website?
How do I connect Stripe or PayPal to a store?
How do I use the website builder?
How do I change the design, theme or colours of my site?
How do I add a menu, a gallery or a slider to my page?
How do I add a contact form?
How do I add a cookie banner?
How do I write an imprint or privacy policy?
How do I translate my site into another language?
How do I rank higher in search engines?
How do I submit a sitemap?
How do I advertise on Google or Facebook?
How do I track visitors with Google Analytics?
How do I embed a video or a map?
How do I write HTML or CSS?
How do I learn programming?
How do I query data with SQL?
How do I protect a directory with a password?
How do I block countries or bots from my website?
How do I remove malware from my site?
How do I get a fixed IP address?
How do I set reverse DNS?
How do I turn on DNSSEC?
How do I sell or value a domain?
How do I trademark a name?
How do I resell hosting to my own customers?
How do I earn commission as an affiliate?
How do I get a student or charity discount?
How do I refer a friend?
How do I buy a gift card?
How do I apply for a job at your company?
How do I visit your office?
How do I tour your data centre?
How do I become a partner or sponsor?
How do I contact the press department?
How do I encrypt messages with PGP?
How do I recall a sent email?
How do I schedule an email for later?
How do I request a read receipt?
How do I print an email?
How do I merge contacts in Outlook?
How do I change the font size in a mail program?
How do I set up a mailing list with moderators?
How do I send a fax or a text message?
How do I buy Microsoft Office licences?
How do I use Teams or Zoom for video calls?
How do I share files in the cloud?
How do I collaborate on a document?
How do I sign a PDF?
How do I make a pivot table in a spreadsheet?
How do I make slides?
How do I scan a document?
How do I install a printer?
How do I connect to wifi?
How do I set up my router or modem?
How do I update my operating system?
How do I reinstall my computer?
How do I partition a hard disk?
How do I recover files from a broken disk or USB stick?
How do I free space on my phone or laptop?
How do I take a screenshot?
How do I back up photos from my phone?
How do I move chats to a new phone?
How do I pair Bluetooth headphones?
How do I turn on dark mode?
How do I change the language of an app?
How do I install the mobile app?
How do I turn off push notifications?
How do I delete my social media account?
How do I recover a hacked social media account?
How do I get verified or more followers?
How do I reset my Google, Apple or Microsoft password?
How do I turn on two-step verification for Google or Facebook?
How do I change my bank or PayPal password?
How do I cancel a streaming subscription?
How do I cancel a phone or internet contract?
How do I cancel a gym membership?
How do I change my mobile tariff?
How do I keep my phone number with a new carrier?
How do I activate a SIM card?
How do I use roaming abroad?
How do I track my parcel?
How do I change my delivery address?
How do I change or cancel an order?
How do I return an item and get a refund?
How do I exchange for another size?
How much is shipping?
When will my order arrive?
How do I use the warranty?
How do I repair or clean the product?
How do I assemble the furniture?
How do I find a shop near me?
Is this article in stock?
How do I collect loyalty points?
How do I open a bank account?
How do I activate my card?
How do I change my card's PIN?
How do I block a lost or stolen card?
How do I send money abroad?
How do I withdraw cash?
What exchange rate do you use?
What is my balance?
How do I get a loan or a mortgage?
How do I raise my credit limit?
How do I verify my identity with a passport?
How do I invest in stocks or crypto?
How do I file my taxes?
How do I claim on my insurance?
How do I set up a pension?
How do I split a bill with friends?
How do I book a flight or a hotel?
How do I change or cancel a booking?
How do I check in online?
How much luggage may I take?
How do I get a visa or passport?
How do I get from the airport to the city?
When does the next train or bus leave?
How do I rent a car?
How do I get a parking permit?
How do I renew my driving licence?
How do I change a tyre or check the oil?
How do I charge an electric car?
How do I repair a bicycle?
How do I register to vote?
How do I apply for benefits?
How do I register a company?
How do I get a birth certificate?
How do I sue somebody?
How do I write a contract or a will?
How do I rent out a flat?
How do I move house?
How do I have my post forwarded by the post office?
How do I read my electricity meter?
How do I change my energy supplier?
How do I fix a dripping tap?
How do I paint a wall?
How do I build a shelf?
How do I remove a stain?
How do I clean the oven or the washing machine?
How do I get rid of ants or moths?
How do I grow vegetables?
How do I water an orchid?
How do I train a dog or a cat?
How do I cook rice, pasta or steak?
How do I bake bread or a cake?
What can I cook with leftovers?
How do I order food or book a table?
How do I make coffee?
How do I lose weight?
How do I build muscle?
How do I sleep better?
How do I treat a headache or a cold?
How do I make an appointment with a doctor?
How do I renew a prescription?
How do I calm a baby?
How do I help my child with homework?
How do I learn a language?
How do I write an essay or a cover letter?
How do I prepare for an interview?
How do I ask for a pay rise?
How do I ask for holiday at work?
How do I solve an equation?
How do I play the guitar?
How do I draw or paint?
How do I knit or sew?
How do I take better photos?
How do I edit a video?
How do I publish a book or a podcast?
How do I find concert tickets?
How do I watch a match or a series?
How do I play music?
What is the weather tomorrow?
How do I set an alarm or a timer?
Tell me a joke.
What is the meaning of life?
How do I plan a wedding or a party?
How do I find friends or a date?
How do I put up a tent?
How do I fish, hunt or sail?
How do I mend clothes or shoes?
How do I tie a tie?
How do I meditate?
How do I vote for a singer?
How do I adopt a pet?
How do I donate to charity?
How do I report a crime or a lost item?
How do I get a library card?
How do I enrol at a school or university?
How do I cite a source?
How do I use a telescope?
How do I fly a drone?
How do I set up a smart speaker or a smart lamp?
How do I connect my television?
How do I replace a battery?
How do I update the firmware?
How do I descale a machine?
How do I read an error code on a dishwasher?
How do I delete my Facebook account?
How do I deactivate my Instagram profile?
How do I cancel my Netflix or Spotify subscription?
How do I cancel Amazon Prime?
How do I cancel my mobile phone contract?
How do I cancel my membership at the gym?
How do I reset my Apple ID password?
How do I recover my Google account?
How do I change my Windows password?
How do I change my Steam or Epic Games email?
How do I turn on two-factor for Instagram or PayPal?
How do I change my wifi password?
How do I change my PIN?
How do I activate a debit card?
How do I check my bank balance?
How do I cancel my order?
How do I change my booking?
How do I sell my domain?
What is my domain worth?
How do I recall an email that I already sent?
How do I keep my phone number?
How do I delete my dating profile?
How do I install Magento or Shopify?
How do I use MongoDB, Elasticsearch or SQLite?
How do I put a certificate on my router, NAS or own server?
How do I set up an Exchange server?
How do I back up my phone or my laptop?
How do I restore my phone?
How do I get into my house when the lock is broken?
How do I merge two accounts?
How do I open a second account?
How do I register a trademark or a company?
How do I file a tax or VAT return?
How do I get a quote for many users?
How do I make a wish list or a gift?
How do I send text messages from an app?
How do I use the command line on my own computer?
How do I become a moderator?
How do I unsubscribe from your newsletter?
How do I report a bug?
How do I rate or review you?
How do I get a training or certification?
How do I rent office space?
How do I get a SIM card for a tablet?
How do I watch a webinar?
How do I create an invoice for my own customers?
How do I do the bookkeeping for my company?
How do I hire a developer or designer?
How do I print business cards?
How do I take payments with a card reader?
How do I block a caller on my phone?
How do I record a call?
How do I set up a voicemail or a phone line?
How do I transcribe audio?
How do I use ChatGPT or an AI assistant?
How do I train a machine learning model?
How do I mine bitcoin?
How do I download music or films?
How do I convert a file to PDF?
How do I unzip a file?
How do I use regular expressions?
How do I write a macro?
How do I create a chart?
How do I delete my browser history?
How do I install a browser extension?
How do I block ads?
How do I stop pop-ups?
How do I install an antivirus?
How do I know if my computer has a virus?
How do I use a second monitor?
How do I clean a keyboard?
How do I build a PC?
How do I overclock a graphics card?
How do I host an application with a background worker?
How do I run a cluster of machines?
How do I get root rights on the server?
How do I choose a kernel or distribution?
How do I set a hostname on my own machine?
How do I set up a file server at home?
How do I host my own mail server?
How do I set up a chat or a forum for my community?
How do I start a survey or poll?
How do I sell tickets or courses online?
How do I manage stock and inventory?
How do I print shipping labels?
How do I write a product description?
How do I set up a marketplace account on Amazon or eBay?
How do I offer gift vouchers in my shop?
How do I add a chat widget to my page?
How do I add a search box or a calendar to my page?
How do I add a favicon or a logo to my page?
How do I make my page responsive for phones?
How do I change the header, footer or columns of my page?
How do I hire you to build my website?
How do I get a new page designed?
How do I buy stock photos?
How do I make a site accessible?
How do I build a landing page?
How do I find keywords for search engine optimisation?
How do I verify my page with Bing or Pinterest?
How do I add a tracking pixel?
How do I get backlinks?
How do I move my page up in the results?
How do I stop people from copying my pictures?
How do I protect my forms from robots with a captcha?
How do I limit the number of requests?
How do I enable compression or HTTP/3?
How do I use websockets?
How do I use GraphQL?
How do I profile slow queries?
How do I replicate a database?
How do I write a stored procedure or a trigger?
How do I use a search engine server?
How do I use message queues?
How do I install packages with npm, pip or gem?
How do I compile a program?
How do I debug my code?
How do I rent a licence for Plesk or cPanel?
How do I order a dedicated IPv4 or an IP range?
How do I buy a code signing certificate?
How do I get a certificate for signing email?
How do I auction or park a domain?
How do I backorder a name that belongs to somebody else?
How do I take a name from a cybersquatter?
How do I use an emoji or umlaut in a name?
How do I undo sending a message?
How do I delay a message?
How do I see whether somebody has read my message?
How do I write a polite message?
How do I use templates for answers?
How do I create a group for discussion with moderation?
How do I get rid of duplicate messages on my phone?
How do I make letters larger on my screen?
How do I use colour categories in a calendar?
How do I book a meeting room?
How do I share my screen?
How do I send a message to WhatsApp?
How do I buy licences for office software?
How do I use a cloud drive?
How do I use the control panel in my language?
How do I make the control panel dark or change its colours?
How do I use your app on my phone or tablet?
How do I place an order by telephone?
How do I negotiate the price?
How do I get a discount for a non-profit?
How do I pay in another currency?
How do I pay with cash or cryptocurrency?
How do I get a loan to pay by instalments?
How do I get my deposit back?
How do I claim damages?
How do I become an investor or buy shares?
How do I advertise with you?
How do I write for your blog?
How do I use your logo?
How do I attend your event?
How do I reach your headquarters?
How do I send you a letter or a parcel?
How do I learn to be a web developer?
How do I teach a class?
How do I find a technician near me?
How do I replace a hard disk?
How do I connect a scanner or a camera?
How do I print from my phone?
How do I get better wifi at home?
How do I find my lost phone?
How do I unlock a SIM or a phone?
How do I set up parental controls?
How do I share an internet connection?
How do I measure my internet speed?
How do I watch television abroad?
How do I stop a subscription to an app?
How do I get my money back from an airline?
How do I change the name on a ticket?
How do I transfer money between accounts?
How do I get a replacement card by post?
Why was my cash withdrawal declined?
How do I order a cheque book?
How do I close my bank account?
How do I raise the limit of my card?
How do I see my salary slip?
How do I report sick at work?
How do I get a work visa?
How do I set up a server for Valheim, ARK or Rust?
How do I become a server administrator?
How do I virtualise a machine?
How do I set a static IP in my network?
How do I connect to a remote desktop?
How do I wake my computer over the network?
How do I host an app that needs Node, Java or .NET?
How do I use Composer or Laravel in my project?
How do I set up Next.js or React?
How do I add an SSL certificate to a local test server?
How do I set up single sign-on or LDAP?
How do I scan for security holes?
How do I get a penetration test?
How do I fight a DDoS attack?
How do I find out who hacked me?
How do I remove a page from Google's results?
How do I take down a copy of my website?
How do I report a phishing page?
How do I monitor my site's uptime myself?
How do I run a speed test of my page?
How do I lazy load images?
How do I write a robots.txt?
How do I create a sitemap?
How do I set up AMP or structured data?
How do I use a page builder?
How do I buy a theme or template?
How do I create custom post types?
How do I add a booking system to my page?
How do I make a members' area?
How do I set up comments on my blog?
How do I move my blog from Blogger or Tumblr to Medium?
How do I duplicate a website for another domain?
How do I connect my store to a till?
How do I set tax rates for my customers?
How do I write invoices to my clients?
How do I offer subscriptions to my readers?
How do I set up a donation button?
How do I integrate a CRM?
How do I set up a helpdesk or ticket system?
How do I add an RSS feed to my page?
How do I use Mailman or discussion lists?
How do I clean my subscribers' addresses?
How do I write a good subject line?
How do I attach a file in Gmail?
How do I delete a Gmail, Yahoo or Outlook.com account?
How do I turn off notifications in Gmail?
How do I filter calls?
How do I set up Exchange ActiveSync?
How do I get out of a group mail?
How do I find somebody's email address?
How do I send an anonymous email?
How do I archive mail for legal reasons?
How do I export a mailbox to a PST file?
How do I repair a damaged PST file?
How do I sync notes and tasks?
How do I invite people to a calendar event?
How do I share a calendar with my family?
How do I create a poll for a date?
How do I get a domain with my own registry?
How do I become a registrar?
How do I buy a domain from its present owner?
How do I rent out a domain?
How do I choose a good name for my company?
How do I protect my brand?
How do I check a domain's history?
How do I use dynamic DNS for my home?
How do I run my own DNS server?
How do I set up glue records?
How do I get an IPv6 tunnel?
How do I buy a server rack?
How do I order internet access or fibre?
How do I get a landline number?
How do I cancel a contract with my energy provider?
How do I change my name after a wedding?
How do I get proof of address?
How do I get a certificate of employment?
How do I take part in a competition?
How do I win a prize?
How do I get a sample?
How do I get a catalogue?
How do I get spare parts?
How do I book a technician?
How do I leave a tip?
How do I get an estimate for a project?
How do I pay my employees?
How do I count working hours?
How do I make a backup of my hard disk to an external drive?
How do I sync a folder between two computers?
How do I send a big folder to a friend?
How do I encrypt my hard disk?
How do I reset my phone?
How do I clear the memory of my television?
How do I move apps to an SD card?
How do I replace a cracked screen?
How do I stop robocalls?
How do I forward calls to another number?
How do I divert my post?
How do I set a PIN on my SIM?
How do I log in to my router?
"""

_NAMED = """
activesync adobe adsense adwords airbnb airtable alexa amazon analytics ansible apple asana aws azure binance bing
bitbucket bitcoin canva chromecast coinbase comcast debian digitalocean discord disney divi django docker dropbox
drupal ebay elasticsearch elementor ethereum etsy expedia facebook figma firebase flask fortnite fritzbox github
gitlab golang google heroku huawei hubspot hulu icloud ikea instagram java jenkins jira joomla kindle klarna
kubernetes laravel lego linkedin lufthansa lyft magento matomo minecraft mongodb monzo n8n netflix netlify nextcloud
nintendo nodejs notion onedrive onenote owncloud paypal photoshop pinterest playstation pokemon powerpoint prestashop
python qnap rails reddit redis revolut roblox ruby rust ryanair salesforce samsung sharepoint shopify siri skype slack
snapchat spotify sqlite steam stripe supabase synology telegram telekom terraform tesla tiktok tinder tomcat trello
twitch twitter typo3 uber ubuntu valorant venmo vercel verizon vodafone volkswagen webflow whatsapp woocommerce xbox
xiaomi youtube zapier zoom
"""

STRANGERS: tuple[str, ...] = tuple(
    form
    for line in _ASKED.split("\n")
    if line
    # People write both "How do I bake bread?" and "bake bread"; the form must not decide what a question is near to.
    for form in dict.fromkeys((line, line.removeprefix("How do I ").rstrip(".?")))
)

NAMES: frozenset[str] = frozenset(_NAMED.split())
"""Products and companies that people ask about by name. "Cancel my Netflix" is not answered by our own "Cancel"."""
